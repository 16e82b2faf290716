/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_WORLD_HPP
#define SELFTESTS_WORLD_HPP

#include "harness/backend.hpp"
#include "harness/harness.hpp"
#include "lib/fdinfo.hpp"
#include "lib/memory.hpp"

#include <userfault/context.hpp>
#include <userfault/message.hpp>
#include <userfault/region.hpp>

#include <source_location>
#include <utility>
#include <variant>

namespace selftests {

/* The events of one process; those of forks take a right. */
inline constexpr auto every_event = userfault::Features::EventRemap |
				    userfault::Features::EventRemove |
				    userfault::Features::EventUnmap;

/* Options for a non-blocking context of the backend under test. */
userfault::Options options_for(userfault::Features required = userfault::Features::None);

/* A non-blocking context after its handshake. */
userfault::Context open_context(userfault::Features required = userfault::Features::None);
userfault::Context open_context(const userfault::Options &options);

/*
 * Skips the test if the backend under test doesn't offer all of @features, like native userfaultfd
 * on an older kernel.
 */
void need(userfault::Features features);

/* Fills a page with the pattern of its index, and wakes its waiters. */
void fill(const userfault::Context &context, const Memory &memory, std::size_t index);

/* The next message of any kind; waits for it. */
userfault::Message next_message(const userfault::Context &context);

/* The next message; waits for it. Gives the test up if it is not of that kind. */
template <class Kind>
Kind next_of(const userfault::Context &context,
	     std::source_location where = std::source_location::current())
{
	auto message = next_message(context);

	if (auto *wanted = std::get_if<Kind>(&message))
		return std::move(*wanted);
	give_up("the message is of another kind", where);
}

/* Waits for the event of a fork, and takes over the child's context. */
userfault::Context next_child(const userfault::Context &context);

/* The next message, which has to be a fault. */
userfault::Fault next_fault(const userfault::Context &context);

/* Whether there is a message to read right now. */
bool is_readable(const userfault::Context &context);

/* Waits until so many faults wait on @context, whether a monitor has read them or not. */
void wait_for_waiters(const userfault::Context &context, std::size_t count);
/* Waits until so many faults wait that no monitor has read. */
void wait_for_pending(const userfault::Context &context, std::size_t count);

/*
 * The same as wait_for_waiters(), and then waits until as many threads of this process sleep in a
 * fault: the kernel counts a waiter before it checks for the last time whether its page is missing.
 */
void wait_for_sleepers(const userfault::Context &context, std::size_t count);

/* The world of most tests: some registered memory, with no page there yet. */
struct World {
	explicit World(std::size_t pages, userfault::Features features = userfault::Features::None);
	World(std::size_t pages, const userfault::Options &options);
	World(std::size_t pages, MemoryKind kind,
	      userfault::Features features = userfault::Features::None,
	      userfault::Modes modes = userfault::Modes::Missing);
	World(Memory memory, userfault::Modes modes);

	void fill(std::size_t index) const { selftests::fill(context, memory, index); }

	Memory memory;
	userfault::Context context;
	userfault::Region region;
};

} // namespace selftests

#endif
