/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PROCESS_HPP
#define SELFTESTS_PROCESS_HPP

#include "harness/harness.hpp"

#include <functional>
#include <sys/types.h>
#include <unistd.h>

namespace selftests {

/* Waits for a child: its exit status, or Process::killed + the signal that ended it. */
int end_of(pid_t child);

/*
 * What @work returns in a child, as its exit status. For a fork that another thread of this process
 * has to read of: fork() would hold the locks of malloc() until then, and whoever allocates memory
 * would wait for ever. This takes no locks: so @work can allocate memory only if no other thread
 * does at the moment of the fork.
 */
template <class Work> int in_child(Work &&work)
{
	const auto child = static_cast<pid_t>(checked(::_Fork()));

	if (child == 0)
		::_exit(work());
	return end_of(child);
}

/*
 * A forked child of the test. It has only the threads that it starts itself, and makes no
 * assertions: its exit status says whether it succeeded. Killed and reaped when this object is
 * destroyed.
 */
class Process {
public:
	static constexpr int killed = 256; /* see end_of() */

	/* The child's exit status is what @work returns. */
	explicit Process(const std::function<int()> &work);
	~Process();
	Process(const Process &) = delete;
	Process &operator=(const Process &) = delete;

	pid_t pid() const { return pid_; }
	void signal(int number) const;
	/* Waits for its end, and says how it ended, as end_of(). */
	int wait();

private:
	pid_t pid_;
	bool reaped_ = false;
	int status_ = 0;
};

} // namespace selftests

#endif
