// SPDX-License-Identifier: GPL-2.0-only
#include "lib/waiting_call.hpp"

#include "lib/world.hpp"

namespace selftests {

WaitingCall::WaitingCall(const userfault::Context &context, long number,
			 const std::function<long()> &work)
	: thread_(work)
{
	wait_until("there is something to read", [&] { return is_readable(context); });
	wait_until("the call waits", [&] { return thread_.sleeps_in(number); });
}

} // namespace selftests
