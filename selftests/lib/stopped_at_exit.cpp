// SPDX-License-Identifier: GPL-2.0-only
#include "lib/stopped_at_exit.hpp"

#include "harness/harness.hpp"

#include <csignal>
#include <sys/ptrace.h>
#include <sys/wait.h>

namespace selftests {

StoppedAtExit::StoppedAtExit(pid_t process) : process_(process)
{
	checked(::ptrace(PTRACE_SEIZE, process, nullptr, PTRACE_O_TRACEEXIT));
}

void StoppedAtExit::wait() const
{
	int status;

	do
		checked(::waitpid(process_, &status, __WALL));
	while (status >> 8 != (SIGTRAP | (PTRACE_EVENT_EXIT << 8)));
}

void StoppedAtExit::go_on() const
{
	checked(::ptrace(PTRACE_CONT, process_, nullptr, nullptr));
}

} // namespace selftests
