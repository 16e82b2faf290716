/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PROCESSES_HPP
#define SELFTESTS_PROCESSES_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace selftests {

/* The first line of a file in /proc, say; empty if it can't be read. */
std::string first_line(const std::filesystem::path &path);

/* Makes this process the parent of every orphan among its descendants. */
void adopt_orphans();

/* The children of this process that are alive. */
std::vector<pid_t> living_children();

/* "NAME (PID)" */
std::string describe_process(pid_t pid);

/*
 * What each thread of @pid is doing: a line each, its kernel stack if that can be read, and its
 * signals.
 */
std::vector<std::string> describe_threads(pid_t pid);

/*
 * Whether thread @thread of @process sleeps in system call @number, or in a fault of its own code
 * if that is in_no_syscall.
 */
bool sleeps_in(pid_t process, pid_t thread, long number);
inline constexpr long in_no_syscall = -1;

/* Whether a thread, of whatever process, sleeps somewhere. */
bool sleeps(pid_t thread);

/* How many of a thread's faults have got their pages; 0 if there is no such thread. */
std::uint64_t faults_over(pid_t process, pid_t thread);

/* How many threads of this process sleep in a fault of their own code. */
std::size_t count_faulting_threads();

/* How many threads this process has. */
std::size_t count_threads();

/*
 * Kills and reaps all children, and their children as they are orphaned. False if some can't be
 * killed within @limit: living_children() no longer returns those.
 */
bool kill_children(std::chrono::milliseconds limit);

} // namespace selftests

#endif
