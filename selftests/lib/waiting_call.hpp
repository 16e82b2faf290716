/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_WAITING_CALL_HPP
#define SELFTESTS_WAITING_CALL_HPP

#include "harness/harness.hpp"

#include <userfault/context.hpp>

#include <atomic>
#include <functional>
#include <sys/types.h>

namespace selftests {

/*
 * A thread in a system call that changes mappings, and so waits until a monitor has read the event.
 * After construction the thread sleeps in the call, and @context has something to read.
 */
class WaitingCall {
public:
	/* @work makes system call @number; result() returns its value. */
	WaitingCall(const userfault::Context &context, long number,
		    const std::function<long()> &work);

	bool is_over() const { return is_done(result_); }
	long result() { return result_.get(); }

private:
	std::atomic<pid_t> id_ = 0;
	std::future<long> result_;
};

} // namespace selftests

#endif
