/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PROCESS_HPP
#define SELFTESTS_PROCESS_HPP

#include <functional>
#include <sys/types.h>

namespace selftests {

/*
 * A forked child of the test. It has only the threads that it starts itself, and makes no
 * assertions: its exit status says whether it succeeded. Killed and reaped when this object is
 * destroyed.
 */
class Process {
public:
	static constexpr int killed = 256; /* plus the signal's number: what wait() returns */

	/* The child's exit status is what @work returns. */
	explicit Process(const std::function<int()> &work);
	~Process();
	Process(const Process &) = delete;
	Process &operator=(const Process &) = delete;

	pid_t pid() const { return pid_; }
	void signal(int number) const;
	/* Waits for its end; returns its exit status, or killed + the signal that ended it. */
	int wait();

private:
	pid_t pid_;
	bool reaped_ = false;
	int status_ = 0;
};

} // namespace selftests

#endif
