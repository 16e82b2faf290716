/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_GUARDED_HPP
#define SELFTESTS_TORTURE_GUARDED_HPP

#include "torture/outcome.hpp"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdint>

namespace torture {

/*
 * For guarded(); in every process that uses it. SIGUSR1 does nothing but interrupt: in @count_of,
 * if there is one, is counted how often it has interrupted an access.
 */
void catch_signals(std::atomic<std::uint32_t> *count_of = nullptr);

struct Recovery {
	sigjmp_buf point;
	volatile bool set = false;
};

Recovery &recovery();

/*
 * Runs @access, which accesses memory and does nothing else. If that ends with SIGBUS or SIGSEGV,
 * this is the outcome. No destructor of @access's own runs then.
 */
template <class Access> Outcome guarded(Access &&access)
{
	Recovery &here = recovery();

	if (const int number = sigsetjmp(here.point, 1); number) {
		here.set = false;
		return number == SIGBUS ? Outcome::sigbus : Outcome::sigsegv;
	}
	here.set = true;
	access();
	here.set = false;
	return Outcome::done;
}

} // namespace torture

#endif
