// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waking one thread among many that wait for other pages; waking all threads that wait for a page;
 * and waking a range where no thread waits, while threads wait elsewhere. Only the command is
 * counted: the woken thread runs when the monitor sleeps, and since its page is still missing, it
 * faults and waits again. On newer kernels that fault wakes the monitor, which then takes the
 * processor from the thread before the thread sleeps. Waking it would be cheap then, so the monitor
 * lets it fall asleep first.
 */
#include "clock.hpp"
#include "context.hpp"
#include "failure.hpp"
#include "quiet.hpp"
#include "scene.hpp"
#include "waiters.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <userfault/fd.hpp>
#include <utility>

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
			throw std::runtime_error("UFFDIO_WAKE woke the wrong thread");
		return elapsed;
	}

	Ground ground_;
	Context context_;
	Waiters waiters_{context_, ground_};
};

class WakingCrowd final : public Scene {
public:
	explicit WakingCrowd(Backend backend) : context_(open_context(backend))
	{
		register_ground(context_, ground_);
		waiters_.fault();
	}

	double measure() override
	{
		uffdio_range range{ground_.address(0), page_size()};

		wait_until_others_sleep();

		const Stopwatch watch;

		command(context_.fd(), UFFDIO_WAKE, &range);

		const auto elapsed = watch.elapsed();

		for (std::size_t i = 0; i < crowd; i++)
			read_fault(context_.fd());
		return static_cast<double>(elapsed) / crowd;
	}

private:
	static constexpr std::size_t crowd = 64;

	Ground ground_{1};
	Context context_;
	Waiters waiters_{context_, ground_, crowd};
};

class WakingNobody final : public Scene {
public:
	WakingNobody(Backend backend, std::size_t pages, std::size_t waiters)
		: ground_(waiters), elsewhere_(pages), context_(open_context(backend))
	{
		register_ground(context_, ground_);
		register_ground(context_, elsewhere_);
		waiters_.fault();
	}

	double measure() override
	{
		constexpr int times = 64;
		uffdio_range range{elsewhere_.address(0), elsewhere_.pages() * page_size()};
		const Stopwatch watch;

		for (int i = 0; i < times; i++)
			command(context_.fd(), UFFDIO_WAKE, &range);
		return static_cast<double>(watch.elapsed()) / times;
	}

private:
	Ground ground_, elsewhere_;
	Context context_;
	Waiters waiters_{context_, ground_};
};

/* Reading a context's fdinfo, while no thread waits. */
class Telling final : public Scene {
public:
	explicit Telling(Backend backend)
		: context_(open_context(backend)),
		  info_(static_cast<int>(checked(
			  ::open(("/proc/self/fdinfo/" + std::to_string(context_.fd())).c_str(),
				 O_RDONLY | O_CLOEXEC),
			  "open")))
	{
	}

	double measure() override
	{
		constexpr int times = 64;
		char text[512];
		const Stopwatch watch;

		for (int i = 0; i < times; i++)
			checked(::pread(info_.get(), text, sizeof(text), 0), "pread");
		return static_cast<double>(watch.elapsed()) / times;
	}

private:
	Context context_;
	userfault::Fd info_;
};

Subject nobody(const char *name, std::size_t pages, std::size_t waiters, Target target = {})
{
	return {name, "call",
		[=](Backend backend) {
			return std::make_unique<WakingNobody>(backend, pages, waiters);
		},
		std::move(target)};
}

template <class Kind> Subject subject(const char *name, const char *unit, Target target = {})
{
	return {name, unit, [](Backend backend) { return std::make_unique<Kind>(backend); },
		std::move(target)};
}

Subject subject(const char *name, std::size_t waiters, Target target = {})
{
	return {name, "call",
		[=](Backend backend) { return std::make_unique<Waking>(backend, waiters); },
		std::move(target)};
}

} // namespace

std::vector<Subject> wake_subjects()
{
	return {
		subject(alone, 1),
		subject("WAKE of one among 16", 16),
		subject("WAKE of one among 256", 256),
		subject("WAKE of one among 2,048", 2048, {1.1, alone}),
		subject<WakingCrowd>("WAKE of 64 at one page", "thread"),
		nobody("WAKE of 16 pages, one waits elsewhere", 16, 1),
		nobody("WAKE of 64 pages, one waits elsewhere", 64, 1),
		nobody("WAKE of 255 pages, one waits elsewhere", 255, 1),
		/* Walking one list is faster than walking buckets that each have a lock. */
		nobody("WAKE of 255 pages, 32 wait elsewhere", 255, 32, {1.5}),
		nobody("WAKE of 2 MiB, 256 wait elsewhere", 512, 256, {1.5}),
		/* The module's fdinfo has many more lines. */
		subject<Telling>("fdinfo", "read", {4}),
	};
}

} // namespace bench
