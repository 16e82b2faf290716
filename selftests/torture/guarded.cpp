// SPDX-License-Identifier: GPL-2.0-only
#include "torture/guarded.hpp"

namespace torture {

namespace {

/* Of this process; a lock-free atomic is all that a handler of signals may touch. */
std::atomic<std::uint32_t> *signals;

void recover(int number)
{
	Recovery &here = recovery();

	if (here.set)
		siglongjmp(here.point, number);
	/* An access that nothing guards: end as if there were no handler. */
	std::signal(number, SIG_DFL);
	std::raise(number);
}

void count(int)
{
	if (recovery().set && signals)
		++*signals;
}

} // namespace

Recovery &recovery()
{
	thread_local Recovery here;

	return here;
}

void catch_signals(std::atomic<std::uint32_t> *count_of)
{
	struct sigaction action = {};

	signals = count_of;
	action.sa_handler = recover;
	::sigaction(SIGBUS, &action, nullptr);
	::sigaction(SIGSEGV, &action, nullptr);
	/* The rain: it interrupts, and is counted where it interrupts an access. */
	action.sa_handler = count;
	action.sa_flags = SA_RESTART;
	::sigaction(SIGUSR1, &action, nullptr);
}

} // namespace torture
