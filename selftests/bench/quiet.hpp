/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_QUIET_HPP
#define BENCH_QUIET_HPP

namespace bench {

/*
 * From now on the calling thread is preempted by nothing but interrupts: neither by a thread that
 * it wakes nor by the kernel's own. The threads it starts are ordinary ones until they ask for the
 * same; those that have done so take turns only where one of them sleeps.
 */
void become_undisturbed();

/* Lets the others run, until nobody else wants the processor. Throws if they run for ever. */
void wait_until_others_sleep();

/*
 * Lets the others run, until nobody else wants the processor, so that no deferred work is left;
 * then waits for the timer interrupt to have been, so that what takes less than 3 million
 * instructions from now on has none in it, and for a loop to take the same number many times in a
 * row. Throws if others run for ever.
 */
void wait_until_quiet();

} // namespace bench

#endif
