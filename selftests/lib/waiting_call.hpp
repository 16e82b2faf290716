/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_WAITING_CALL_HPP
#define SELFTESTS_WAITING_CALL_HPP

#include "harness/known_thread.hpp"

#include <userfault/context.hpp>

#include <functional>

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

	bool is_over() const { return thread_.is_done(); }
	long result() { return thread_.get(); }

private:
	KnownThread<long> thread_;
};

} // namespace selftests

#endif
