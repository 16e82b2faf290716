// SPDX-License-Identifier: GPL-2.0-only
#include "lib/process.hpp"

#include <csignal>
#include <iostream>
#include <sys/wait.h>
#include <unistd.h>

namespace selftests {

int end_of(pid_t child)
{
	int status;

	checked(::waitpid(child, &status, 0));
	return WIFSIGNALED(status) ? Process::killed + WTERMSIG(status) : WEXITSTATUS(status);
}

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
	if (!reaped_)
		status_ = end_of(pid_);
	reaped_ = true;
	return status_;
}

} // namespace selftests
