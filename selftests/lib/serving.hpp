/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SERVING_HPP
#define SELFTESTS_SERVING_HPP

#include "lib/memory.hpp"

#include <userfault/context.hpp>

namespace selftests {

/*
 * What a monitor has done when it, or the process that it serves, is killed. @memory has two pages,
 * at the same addresses as in that process; the first one is what a thread waits for.
 */
using Serve = void (*)(const userfault::Context &context, const Memory &memory);

/* Waits for a fault, or an event, and leaves it unread. */
void see_fault(const userfault::Context &context, const Memory &memory);
void see_event(const userfault::Context &context, const Memory &memory);

void read_fault(const userfault::Context &context, const Memory &memory);

/* Read a fault, and resolve it, but leave its thread waiting. */
void copy_without_waking(const userfault::Context &context, const Memory &memory);
void zero_without_waking(const userfault::Context &context, const Memory &memory);
void unprotect_without_waking(const userfault::Context &context, const Memory &memory);
void map_without_waking(const userfault::Context &context, const Memory &memory);
void give_access_without_waking(const userfault::Context &context, const Memory &memory);

} // namespace selftests

#endif
