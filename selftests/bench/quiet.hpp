/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_QUIET_HPP
#define BENCH_QUIET_HPP

namespace bench {

/*
 * From now on the calling thread is preempted by nothing but interrupts: neither by a thread that it
 * wakes nor by the kernel's own. The threads it starts are ordinary ones until they ask for the same;
 * those that have done so take turns only where one of them sleeps.
 */
void become_undisturbed();

/*
 * Lets the others run, until nobody else wants the processor (so that no deferred work is left) and a
 * loop takes the same number of instructions many times in a row. Returns early between two timer
 * interrupts: what then takes less than 3 million instructions has none in it. Throws if the machine
 * never becomes quiet.
 */
void wait_until_quiet();

} // namespace bench

#endif
