// SPDX-License-Identifier: GPL-2.0-only
/*
 * The round trip of a fault: a thread touches a missing page, the monitor reads the fault and
 * copies a page there, and the thread goes on. Both run on one processor in turns, so everything
 * that either does is counted, up to the monitor's next wait.
 */
#include "clock.hpp"
#include "context.hpp"
#include "failure.hpp"
#include "quiet.hpp"
#include "scene.hpp"

#include <poll.h>
#include <thread>

namespace bench {

namespace {

class RoundTrip final : public Scene {
public:
	RoundTrip(Backend backend, bool polled)
		: polled_(polled), context_(open_context(backend, polled))
	{
		source_.fill();
		register_ground(context_, ground_);
		monitor_ = std::jthread([this] { serve(); });
	}

	/* The monitor ends with this fault. */
	~RoundTrip() override { ground_.touch(last_page); }

	double measure() override
	{
		ground_.drop();

		const Stopwatch watch;

		for (std::size_t page = 0; page < faults; page++)
			ground_.touch(page);
		return static_cast<double>(watch.elapsed()) / faults;
	}

private:
	static constexpr std::size_t faults = 128;
	static constexpr std::size_t last_page = faults;

	void serve() const
	{
		userfault::Address page;

		become_undisturbed();
		do {
			if (polled_)
				wait();
			page = read_fault(context_.fd());
			copy(context_.fd(), page, source_.bytes());
		} while (page != ground_.address(last_page));
	}

	void wait() const
	{
		pollfd entry{context_.fd(), POLLIN, 0};

		checked(::poll(&entry, 1, -1), "poll");
	}

	bool polled_;
	Ground source_{1};
	Ground ground_{faults + 1};
	Context context_;
	std::jthread monitor_;
};

Subject subject(const char *name, bool polled)
{
	return {name, "fault",
		[=](Backend backend) { return std::make_unique<RoundTrip>(backend, polled); }};
}

} // namespace

std::vector<Subject> fault_subjects()
{
	return {
		subject("fault, round trip by read and COPY", false),
		subject("fault, round trip by poll, read and COPY", true),
	};
}

} // namespace bench
