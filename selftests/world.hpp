/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_WORLD_HPP
#define SELFTESTS_WORLD_HPP

#include "backend.hpp"
#include "fdinfo.hpp"
#include "harness.hpp"
#include "memory.hpp"

#include <userfault/context.hpp>
#include <userfault/region.hpp>

namespace selftests {

/* For a non-blocking context of the backend under test. */
userfault::Options options_for(userfault::Features required = userfault::Features::None);

/* A non-blocking context after its handshake. */
userfault::Context open_context(userfault::Features required = userfault::Features::None);
userfault::Context open_context(const userfault::Options &options);

/* Fills a page with the pattern of its index, and wakes its waiters. */
void fill(const userfault::Context &context, const Memory &memory, std::size_t index);

/* The next fault; waits for it. Gives the test up if something else is told. */
userfault::Fault next_fault(const userfault::Context &context);

/* Wait until so many faults wait on @context, told or not; so many that aren't told yet. */
void wait_for_waiters(const userfault::Context &context, std::size_t count);
void wait_for_pending(const userfault::Context &context, std::size_t count);

/* The world most tests happen in: some registered memory, none of it there yet. */
struct World {
	explicit World(std::size_t pages, userfault::Features features = userfault::Features::None);
	World(std::size_t pages, const userfault::Options &options);

	void fill(std::size_t index) const { selftests::fill(context, memory, index); }

	Memory memory;
	userfault::Context context;
	userfault::Region region;
};

} // namespace selftests

#endif
