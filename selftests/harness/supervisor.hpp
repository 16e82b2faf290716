/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SUPERVISOR_HPP
#define SELFTESTS_SUPERVISOR_HPP

#include "harness/cases.hpp"
#include "harness/kernel_log.hpp"
#include "harness/ktap.hpp"
#include "harness/kvm.hpp"
#include "harness/notes.hpp"
#include "harness/settings.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <userfault/fd.hpp>
#include <vector>

namespace selftests {

/*
 * Runs each test in its own process, and judges it from outside: by its exit status, the time it
 * takes, the processes and the settings that it leaves behind, the kernel's log and its memory.
 * Makes this process adopt all orphans among its descendants. Not thread-safe.
 */
class Supervisor {
public:
	/* @kmemleak: whether the kernel has kmemleak. */
	Supervisor(Ktap &report, std::chrono::seconds time_limit, bool kmemleak);

	/* False: the test failed. */
	bool run(const Case &test);

	/*
	 * The last test, which is none of the cases: unloads the module under test and loads it
	 * again, if its file is there, and checks the kernel's log once more.
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
	void judge_settings(const Settings::Changed &changed, Verdict &verdict);
	void judge_unloading(Verdict &verdict);
	void report(const std::string &name, const Verdict &verdict);

	/*
	 * Has the module keep mm's functions taken over, or not. On several processors they are
	 * taken over before each test starts: an emulator whose processors run side by side can
	 * mistake an instruction that is being changed for a breakpoint, and the guest's kernel
	 * then crashes. The kernel's own function tracer has the same problem. One more context
	 * makes no difference to a test, unless the test is about just that.
	 */
	void keep_functions_taken(bool wanted);
	/* How long killed processes may still live, and the module may then still be in use. */
	std::chrono::milliseconds kill_limit() const
	{
		return std::max(std::chrono::milliseconds(5000),
				std::chrono::milliseconds(time_limit_) / 6);
	}

	Ktap &report_;
	std::chrono::seconds time_limit_;
	bool kmemleak_;
	KernelLog log_;
	userfault::Fd context_;	 /* keeps the functions taken over */
	std::optional<Kvm> kvm_; /* from the first test on that needs it */
};

} // namespace selftests

#endif
