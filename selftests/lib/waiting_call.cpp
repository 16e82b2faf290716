// SPDX-License-Identifier: GPL-2.0-only
#include "lib/waiting_call.hpp"

#include "harness/processes.hpp"
#include "lib/world.hpp"

#include <unistd.h>

namespace selftests {

WaitingCall::WaitingCall(const userfault::Context &context, long number,
			 const std::function<long()> &work)
	: result_(in_thread([this, work] {
		  id_ = ::gettid();
		  return work();
	  }))
{
	wait_until("there is something to read", [&] { return is_readable(context); });
	wait_until("the call waits", [&] { return sleeps_in(::getpid(), id_, number); });
}

} // namespace selftests
