// SPDX-License-Identifier: GPL-2.0-only
#include "lib/signalled_call.hpp"

#include "harness/harness.hpp"

#include <csignal>
#include <sys/ptrace.h>
#include <sys/wait.h>

namespace selftests {

namespace {

int stop_and_work(const std::function<int()> &work)
{
	::signal(SIGUSR1, [](int) {});
	::raise(SIGSTOP);
	return work();
}

/* Goes on to where its next system call begins or ends. */
__ptrace_syscall_info next_stop(pid_t process)
{
	__ptrace_syscall_info call = {};
	int status;

	checked(::ptrace(PTRACE_SYSCALL, process, nullptr, nullptr));
	checked(::waitpid(process, &status, 0));
	checked(::ptrace(PTRACE_GET_SYSCALL_INFO, process, sizeof(call), &call));
	return call;
}

bool begins(const __ptrace_syscall_info &call, long number)
{
	return call.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       call.entry.nr == static_cast<std::uint64_t>(number);
}

} // namespace

SignalledCall::SignalledCall(long number, const std::function<int()> &work)
	: process_([&work] { return stop_and_work(work); })
{
	const auto process = process_.pid();
	int status;

	checked(::waitpid(process, &status, WUNTRACED));
	checked(::ptrace(PTRACE_SEIZE, process, nullptr, PTRACE_O_TRACESYSGOOD));
	process_.signal(SIGCONT);
	while (!begins(next_stop(process), number))
		;
	process_.signal(SIGUSR1);
	result_ = next_stop(process).exit.rval;
	checked(::ptrace(PTRACE_DETACH, process, nullptr, nullptr));
}

} // namespace selftests
