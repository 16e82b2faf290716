/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SUPERVISOR_HPP
#define SELFTESTS_SUPERVISOR_HPP

#include "harness/cases.hpp"
#include "harness/kernel_log.hpp"
#include "harness/ktap.hpp"
#include "harness/notes.hpp"

#include <chrono>
#include <userfault/fd.hpp>
#include <vector>

namespace selftests {

/*
 * Runs each test in a process of its own, and judges it by all that can be seen from outside: its
 * exit status, the time it takes, the processes it leaves, the kernel's log, the kernel's memory.
 * Adopts the orphans of this process; not thread-safe.
 */
class Supervisor {
public:
	/* @kmemleak: whether the kernel's own detector of leaks is at work. */
	Supervisor(Ktap &report, std::chrono::seconds time_limit, bool kmemleak);

	void run(const Case &test);

	/*
	 * The last test, which is none of the cases: unloads the module under test, if that can be
	 * loaded again, and looks at the kernel's log once more.
	 */
	void finish();

private:
	struct Verdict {
		std::vector<std::string> wrong; /* why the test failed; empty: it passed */
		std::string skipped;
	};

	Verdict watch(pid_t pid, int output, std::chrono::seconds limit, const Notes &notes);
	void judge_exit(int status, const Notes &notes, Verdict &verdict);
	void judge_strays(Verdict &verdict);
	void judge_log(const std::vector<std::string> &complaints, Verdict &verdict);
	void judge_unloading(Verdict &verdict);
	void report(const std::string &name, const Verdict &verdict);

	/*
	 * Has the module keep mm's functions, or not. On several processors each test gets them
	 * taken already: an emulator whose processors run side by side can take an instruction that
	 * is being changed for a breakpoint, and the guest's kernel then dies of it; with the
	 * kernel's own function tracer, too. Nothing is lost by that, as one context more makes no
	 * difference to a test that isn't of this very thing.
	 */
	void keep_functions_taken(bool wanted);

	Ktap &report_;
	std::chrono::seconds time_limit_;
	bool kmemleak_;
	KernelLog log_;
	userfault::Fd context_; /* what keeps them */
};

} // namespace selftests

#endif
