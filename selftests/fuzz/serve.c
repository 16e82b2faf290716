// SPDX-License-Identifier: GPL-2.0-only
/* The executor: a small process that forks a child for each program. */
#include "executor.h"
#include "serve.h"

#include <linux/userfault.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct devices devices;

static int own(int fd)
{
	int above = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FDS);

	if (fd >= 0)
		close(fd);
	return above;
}

/* A file of a file system of its own. */
static int open_ramfs(void)
{
	int context = fsopen("ramfs", FSOPEN_CLOEXEC), root, file;

	fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	root = fsmount(context, FSMOUNT_CLOEXEC, 0);
	file = openat(root, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	close(context);
	close(root);
	if (file >= 0 && ftruncate(file, FUZZ_FILE_PAGES * FUZZ_PAGE))
		return -1;
	return file;
}

static void open_pipes(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
			_exit(2);
		devices.pipes[i][0] = own(ends[0]);
		devices.pipes[i][1] = own(ends[1]);
	}
}

/* A thread that was killed while it sent has left something there. */
static void drain_pipes(void)
{
	char rest[FUZZ_PAGE];

	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		while (read(devices.pipes[i][0], rest, sizeof(rest)) > 0)
			;
}

static void prepare(int processor)
{
	cpu_set_t processors;

	CPU_ZERO(&processors);
	CPU_SET(processor, &processors);
	sched_setaffinity(0, sizeof(processors), &processors);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	devices.module = own(open("/dev/userfault", O_RDWR | O_CLOEXEC));
	/* As long as there is a context, the module takes over no functions anew, which takes long.
	 */
	own(ioctl(devices.module, USERFAULTFD_IOC_NEW, O_CLOEXEC));
	devices.native = own(open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
	devices.zero = own(open("/dev/zero", O_RDWR | O_CLOEXEC));
	devices.ramfs = own(open_ramfs());
	open_pipes();
	prepare_places();
	catch_signals();
}

/* Threads that run side by side want all processors. */
static void begin_child(const struct fuzz_shared *shared)
{
	cpu_set_t processors;

	memset(&processors, 0xff, sizeof(processors));
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (shared->side_by_side)
		sched_setaffinity(0, sizeof(processors), &processors);
}

/* Waits for a child, or for all if @child is -1. Returns whether there is nothing left to wait for.
 */
static bool reap(pid_t child, unsigned int milliseconds, int *status)
{
	const struct timespec pause = {.tv_nsec = 200000000};
	sigset_t signals;
	pid_t got;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (unsigned int passed = 0;; passed += 200) {
		do {
			got = waitpid(child, status, WNOHANG | __WALL);
		} while (child == -1 && got > 0);
		if (got)
			return true;
		if (passed >= milliseconds)
			return false;
		sigtimedwait(&signals, NULL, &pause);
	}
}

static enum fuzz_end run(struct fuzz_shared *shared)
{
	enum fuzz_end end = FUZZ_ENDED;
	int status = 0, others;
	pid_t child;

	memset(&shared->transcript, 0, offsetof(struct fuzz_transcript, records));
	shared->transcript.state[0] = 0;
	prepare_coverage(shared);
	drain_pipes();
	child = fork();
	if (!child) {
		begin_child(shared);
		stage.shared = shared;
		run_child();
	}
	setpgid(child, child);
	if (!reap(child, shared->milliseconds, &status))
		end = FUZZ_KILLED;
	/* Its own children may wait for ever. */
	kill(-child, SIGKILL);
	if (!reap(-1, shared->milliseconds, &others))
		end = FUZZ_UNKILLABLE;
	shared->transcript.status = status;
	return end;
}

void serve(struct fuzz_shared *shared, int requests, int answers, int processor)
{
	sigset_t signals;
	char request;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	prepare(processor);
	requests = own(requests);
	answers = own(answers);
	while (read(requests, &request, 1) == 1) {
		char end = run(shared);

		if (write(answers, &end, 1) != 1)
			return;
	}
}
