// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waking one thread among many that wait for other pages. Only the command is counted: the thread
 * that it wakes runs when the monitor sleeps, and as its page is still missing it faults and waits
 * again. On newer kernels the monitor, told of that, takes the processor from the thread before it
 * has fallen asleep, and waking it then is cheap: hence it is left to.
 */
#include "clock.hpp"
#include "context.hpp"
#include "quiet.hpp"
#include "scene.hpp"
#include "waiters.hpp"

#include <stdexcept>

namespace bench {

namespace {

const char alone[] = "WAKE of one alone";

class Waking final : public Scene {
public:
	Waking(Backend backend, std::size_t waiters)
		: ground_(waiters), context_(open_context(backend))
	{
		register_ground(context_, ground_);
		waiters_.fault();
	}

	double measure() override
	{
		constexpr std::size_t times = 16;
		Instructions sum = 0;

		for (std::size_t i = 0; i < times; i++)
			sum += wake(i * ground_.pages() / times);
		return static_cast<double>(sum) / times;
	}

private:
	Instructions wake(std::size_t page)
	{
		uffdio_range range{ground_.address(page), page_size()};

		wait_until_others_sleep();

		const Stopwatch watch;

		command(context_.fd(), UFFDIO_WAKE, &range);

		const auto elapsed = watch.elapsed();

		if (read_fault(context_.fd()) != range.start)
			throw std::runtime_error("UFFDIO_WAKE woke another thread than it was to");
		return elapsed;
	}

	Ground ground_;
	Context context_;
	Waiters waiters_{context_, ground_};
};

Subject subject(const char *name, std::size_t waiters, Target target = {})
{
	return {name, "call",
		[=](Backend backend) { return std::make_unique<Waking>(backend, waiters); },
		target};
}

} // namespace

std::vector<Subject> wake_subjects()
{
	return {
		subject(alone, 1),
		subject("WAKE of one among 16", 16),
		subject("WAKE of one among 256", 256),
		subject("WAKE of one among 2,048", 2048, {1.1, alone}),
	};
}

} // namespace bench
