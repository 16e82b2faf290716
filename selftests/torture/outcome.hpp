/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_OUTCOME_HPP
#define SELFTESTS_TORTURE_OUTCOME_HPP

#include <cstdint>
#include <string>
#include <system_error>
#include <userfault/result.hpp>

namespace torture {

/* How an operation ended: one of these, or an errno. */
enum class Outcome : std::uint8_t {
	done = 0,
	skipped = 200, /* it doesn't fit the page, or is of no use just now */
	lacking,       /* the kernel lacks what it needs */
	sigbus,
	sigsegv,
	killed,
	nothing, /* it succeeded, and nothing came of it */
	late,	 /* a condition didn't come about in the time that the operation waits for it */
	failed,	 /* something is wrong, and the run has been told so */
};

constexpr Outcome of_errno(int number)
{
	return static_cast<Outcome>(number);
}

/* The outcome of a call that returns a negative number, and sets errno, when it fails. */
Outcome of_call(long result);
Outcome of_error(std::error_code error);

template <class T> Outcome of_result(const userfault::Result<T> &result)
{
	return result ? Outcome::done : of_error(result.error());
}

std::string name_of(Outcome outcome);

} // namespace torture

#endif
