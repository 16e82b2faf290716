/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_FORKING_HPP
#define SELFTESTS_TORTURE_FORKING_HPP

#include <string_view>
#include <sys/types.h>

namespace torture {

/*
 * A child that ends with this thread. fork() would hold the locks of malloc() until a monitor has
 * read the fork's event, and a monitor of this process needs malloc(). So this takes no locks, and
 * the child may not allocate memory if other threads may do so at that moment.
 */
pid_t fork_bound();

/*
 * A program of its own: starts threads that wait in faults which nobody answers, writes a byte to
 * stdout, and then does "exec", "exit", or "wait" to be killed. DEVICE in the environment is the
 * device of the context. Returns the exit status.
 */
int run_waiters(std::string_view what_then);

} // namespace torture

#endif
