// SPDX-License-Identifier: GPL-2.0-only
#include "torture/guarded.hpp"

namespace torture {

namespace {

void recover(int number)
{
	Recovery &here = recovery();

	if (here.set)
		siglongjmp(here.point, number);
	/* An access that nothing guards: end as if there were no handler. */
	std::signal(number, SIG_DFL);
	std::raise(number);
}

} // namespace

Recovery &recovery()
{
	thread_local Recovery here;

	return here;
}

void catch_signals()
{
	struct sigaction action = {};

	action.sa_handler = recover;
	::sigaction(SIGBUS, &action, nullptr);
	::sigaction(SIGSEGV, &action, nullptr);
	/* The rain: it does nothing, but it interrupts. */
	action.sa_handler = [](int) {};
	action.sa_flags = SA_RESTART;
	::sigaction(SIGUSR1, &action, nullptr);
}

} // namespace torture
