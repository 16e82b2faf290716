// SPDX-License-Identifier: GPL-2.0-only
#include "lib/process.hpp"

#include "harness/harness.hpp"

#include <csignal>
#include <iostream>
#include <sys/wait.h>
#include <unistd.h>

namespace selftests {

Process::Process(const std::function<int()> &work)
{
	std::cout.flush();
	pid_ = static_cast<pid_t>(checked(::fork()));
	if (pid_ == 0)
		::_exit(work());
}

Process::~Process()
{
	if (reaped_)
		return;
	signal(SIGKILL);
	wait();
}

void Process::signal(int number) const
{
	::kill(pid_, number);
}

int Process::wait()
{
	if (reaped_)
		return status_;
	int status;
	checked(::waitpid(pid_, &status, 0));
	reaped_ = true;
	status_ = WIFSIGNALED(status) ? killed + WTERMSIG(status) : WEXITSTATUS(status);
	return status_;
}

} // namespace selftests
