/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_QUIET_HPP
#define BENCH_QUIET_HPP

namespace bench {

/*
 * From now on only interrupts preempt the calling thread: neither a thread that it wakes nor a
 * thread of the kernel does. Threads that it starts are ordinary ones until they call this too. Of
 * the threads that have called it, another one runs only when the running one sleeps.
 */
void become_undisturbed();

/* Lets other threads run until none of them wants the processor. Throws if they run for ever. */
void wait_until_others_sleep();

/*
 * Lets other threads run until none of them wants the processor, so that no deferred work is left.
 * Then waits for the end of a timer interrupt, so that the next 3 million instructions are executed
 * without one; and until a loop takes the same number of instructions many times in a row. Throws
 * if other threads run for ever.
 */
void wait_until_quiet();

} // namespace bench

#endif
