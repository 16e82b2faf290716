/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KILLING_HPP
#define SELFTESTS_KILLING_HPP

#include <functional>

namespace selftests {

/* A long system call. */
struct LongCall {
	std::function<void()> make;
	/* Whether it has done something, and whether it has done all. */
	std::function<bool()> begun, over;
	/* Undoes what it has done. */
	std::function<void()> undo;
};

/*
 * Has a child process make @call, and kills it in the middle. Returns whether the call has then
 * ended without having done all, and the process was gone within 50 ms, or on a slow machine within
 * ten times as long as one that sleeps. If the signal comes too early or too late, or the process
 * is late, it tries again. A call that a signal can't end does nothing or all each time.
 */
bool can_be_killed(const LongCall &call);

} // namespace selftests

#endif
