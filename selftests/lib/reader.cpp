// SPDX-License-Identifier: GPL-2.0-only
#include "lib/reader.hpp"

#include "harness/harness.hpp"

#include <array>
#include <poll.h>
#include <sys/eventfd.h>
#include <utility>

namespace selftests {

using namespace userfault;

Reader::Reader(const Context &context)
	: context_(context), stop_(static_cast<int>(checked(::eventfd(0, EFD_CLOEXEC)))),
	  thread_([this] { serve(); })
{
}

Reader::~Reader()
{
	::eventfd_write(stop_.get(), 1);
	thread_.join();
}

std::vector<Message> Reader::taken()
{
	const std::lock_guard lock(mutex_);

	return std::exchange(messages_, {});
}

void Reader::serve()
{
	std::array<pollfd, 2> fds{{{context_.fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};

	while (!(fds[1].revents & POLLIN)) {
		{
			const std::lock_guard lock(mutex_);

			while (auto message = take(context_.read()))
				messages_.push_back(std::move(*message));
		}
		checked(::poll(fds.data(), fds.size(), -1));
	}
}

} // namespace selftests
