/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_STOPPED_AT_EXIT_HPP
#define SELFTESTS_STOPPED_AT_EXIT_HPP

#include <sys/types.h>

namespace selftests {

/*
 * A child process that stops just before it gives its memory up, because this thread traces it. If
 * it is killed, the kernel can meanwhile take the memory itself; for a control group it does so
 * some seconds later, and kills no other process before.
 */
class StoppedAtExit {
public:
	explicit StoppedAtExit(pid_t process);

	/* Waits until it has stopped. */
	void wait() const;
	void go_on() const;

private:
	pid_t process_;
};

} // namespace selftests

#endif
