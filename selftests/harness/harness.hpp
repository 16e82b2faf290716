/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_HARNESS_HPP
#define SELFTESTS_HARNESS_HPP

#include "harness/countdown.hpp"

#include <chrono>
#include <functional>
#include <future>
#include <source_location>
#include <string_view>
#include <thread>
#include <userfault/result.hpp>
#include <utility>

namespace selftests {

/*
 * Ends the calling test as failed, from any thread of it. It ends the process: with threads that
 * wait in faults, unwinding would wait for ever.
 */
[[noreturn]] void give_up(std::string_view why,
			  std::source_location where = std::source_location::current());

/*
 * Ends the calling test, from any thread of it, as skipped: this kernel or machine lacks what the
 * test needs.
 */
[[noreturn]] void skip(std::string_view why);

/* The value of a call that a test can't go on without. */
template <class T>
T take(userfault::Result<T> result, std::source_location where = std::source_location::current())
{
	if (!result)
		give_up(result.error().message(), where);
	if constexpr (!std::is_void_v<T>)
		return std::move(*result);
}

/* The result of a system call that a test can't go on without. */
long checked(long result, std::source_location where = std::source_location::current());

/* How long wait_until() waits at most. Only main changes it, before anything runs. */
inline std::chrono::seconds wait_limit{20};

/*
 * Waits until @condition holds. Ends the test as failed after wait_limit, which is longer than any
 * machine needs.
 */
template <class Condition>
void wait_until(std::string_view what, Condition &&condition,
		std::source_location where = std::source_location::current())
{
	using namespace std::chrono;
	const auto start = steady_clock::now();
	Countdown countdown(wait_limit);

	while (!std::invoke(condition)) {
		if (countdown.is_over())
			give_up("waited in vain until " + std::string(what), where);
		if (steady_clock::now() - start > milliseconds(1))
			std::this_thread::sleep_for(microseconds(200));
		else
			std::this_thread::yield();
	}
}

/* Runs @work in a thread; get() of the result waits for its end. */
template <class Work> auto in_thread(Work &&work)
{
	return std::async(std::launch::async, std::forward<Work>(work));
}

template <class T> bool is_done(const std::future<T> &future)
{
	return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

} // namespace selftests

#endif
