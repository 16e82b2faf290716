// SPDX-License-Identifier: GPL-2.0-only
#include "lib/serving.hpp"

#include "harness/harness.hpp"
#include "harness/processes.hpp"
#include "lib/watched.hpp"
#include "lib/world.hpp"

namespace selftests {

using namespace userfault;

void see_fault(const Context &context, const Memory &)
{
	wait_for_pending(context, 1);
}

void see_event(const Context &context, const Memory &)
{
	wait_until("there is an event", [&] { return is_readable(context); });
}

/* A waiter looks at its page once more after others can see it, and may go on without being woken.
 */
void read_fault(const Context &context, const Memory &)
{
	const auto thread = static_cast<pid_t>(next_fault(context).thread);

	wait_until("the thread of the fault sleeps", [&] { return sleeps(thread); });
}

void copy_without_waking(const Context &context, const Memory &memory)
{
	const auto first = first_page(memory);
	const auto source = patterned(first.length / page_size());

	read_fault(context, memory);
	if (!context.copy(first.start, source.bytes(0, source.pages()), CopyModes::DontWake))
		give_up("the page can't be copied");
}

void zero_without_waking(const Context &context, const Memory &memory)
{
	read_fault(context, memory);
	if (!context.zeropage(first_page(memory), ZeropageModes::DontWake))
		give_up("the page can't be zeroed");
}

void unprotect_without_waking(const Context &context, const Memory &memory)
{
	read_fault(context, memory);
	take(context.write_unprotect(first_page(memory), UnprotectModes::DontWake));
}

void map_without_waking(const Context &context, const Memory &memory)
{
	read_fault(context, memory);
	if (!context.resume(first_page(memory), ContinueModes::DontWake))
		give_up("the page can't be mapped");
}

void give_access_without_waking(const Context &context, const Memory &memory)
{
	read_fault(context, memory);
	take(context.rwunprotect(first_page(memory), UnprotectModes::DontWake));
}

} // namespace selftests
