/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_STUCK_HPP
#define SELFTESTS_TORTURE_STUCK_HPP

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace torture {

/*
 * Nothing may be stuck for ever: whoever doesn't get on fails the run, and is described. All times
 * are in seconds on a stock kernel; @patience is how much slower this one is.
 */
inline constexpr std::uint64_t longest_step = 60, longest_end = 60, longest_kill = 20;

/* Fails the run if an actor is in the same step for too long, and no fault of it is answered. */
void watch_actors(unsigned patience);

/* Prints what each actor does, and each thread of the worlds. */
void describe_all();

std::string ended_how(int status);

/*
 * Kills a child of this process and reaps it; it may have ended before, and then it has to have
 * ended well. If it doesn't end, the run has failed, and the child stays.
 */
void kill_and_reap(pid_t pid, unsigned patience);

} // namespace torture

#endif
