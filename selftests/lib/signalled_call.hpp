/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SIGNALLED_CALL_HPP
#define SELFTESTS_SIGNALLED_CALL_HPP

#include "lib/process.hpp"

#include <cstdint>
#include <functional>

namespace selftests {

/* A process whose system call begins with a signal pending, of which it has a handler. */
class SignalledCall {
public:
	/* The signal comes at the first call @number of @work, which returns the exit status. */
	SignalledCall(long number, const std::function<int()> &work);

	/* What the call returned: an errno is negative, and may be one that has it restarted. */
	std::int64_t result() const { return result_; }
	/* Waits for the process's end; returns its exit status. */
	int wait() { return process_.wait(); }

private:
	Process process_;
	std::int64_t result_ = 0;
};

} // namespace selftests

#endif
