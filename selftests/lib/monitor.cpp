// SPDX-License-Identifier: GPL-2.0-only
#include "lib/monitor.hpp"

#include "harness/harness.hpp"

#include <array>
#include <poll.h>
#include <sys/eventfd.h>

namespace selftests {

Monitor::Monitor(const userfault::Context &context, Answer answer)
	: context_(context), answer_(std::move(answer)),
	  stop_(static_cast<int>(checked(::eventfd(0, EFD_CLOEXEC)))), thread_([this] { serve(); })
{
}

Monitor::~Monitor()
{
	::eventfd_write(stop_.get(), 1);
	thread_.join();
}

void Monitor::serve()
{
	std::array<pollfd, 2> fds{{{context_.fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};

	while (!(fds[1].revents & POLLIN)) {
		while (auto message = take(context_.read())) {
			const auto *fault = std::get_if<userfault::Fault>(&*message);
			if (!fault)
				give_up("the message is not a fault");
			told_++;
			answer_(*fault);
		}
		checked(::poll(fds.data(), fds.size(), -1));
	}
}

} // namespace selftests
