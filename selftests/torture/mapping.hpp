/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_MAPPING_HPP
#define SELFTESTS_TORTURE_MAPPING_HPP

#include "torture/actor.hpp"
#include "torture/change.hpp"

namespace torture {

/*
 * Registers pages again that may have lost their registration, and drops what mm may have put
 * there. Threads that waited at the old mapping try again.
 */
Outcome watch_again(Actor &actor, Opening &opening);

} // namespace torture

#endif
