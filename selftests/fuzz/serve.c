// SPDX-License-Identifier: GPL-2.0-only
/* The executor: a small process, with a child that runs the programs. */
#include "executor.h"
#include "serve.h"

#include <linux/userfault.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/*
 * How many programs a child runs at most: so many that its beginning and its end don't count, so
 * few that what it piles up doesn't.
 */
#define PROGRAMS 64

struct devices devices;

int own(int fd)
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
static void begin_child(struct fuzz_shared *shared)
{
	cpu_set_t processors;

	memset(&processors, 0xff, sizeof(processors));
	setpgid(0, 0);
	shared->child = getpid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (shared->side_by_side)
		sched_setaffinity(0, sizeof(processors), &processors);
	drain_pipes();
	stage.shared = shared;
}

/* Waits for the next request, and leaves it there. Returns whether one has come. */
static bool is_asked(int requests)
{
	struct pollfd polled = {.fd = requests, .events = POLLIN};

	return poll(&polled, 1, -1) == 1 && polled.revents & POLLIN;
}

static void answer(struct fuzz_shared *shared, int answers, char end)
{
	shared->running = 0;
	if (write(answers, &end, 1) != 1)
		_exit(1);
}

/* Runs one program after the other, as long as nothing of one can meet the next. */
_Noreturn static void run_programs(struct fuzz_shared *shared, int requests, int answers)
{
	for (unsigned int i = 0; i < PROGRAMS && is_asked(requests); i++) {
		char request;

		if (i && shared->afresh)
			break;
		shared->running = 1;
		memset(&shared->transcript, 0, offsetof(struct fuzz_transcript, records));
		shared->transcript.state[0] = 0;
		/* If it can't go on, the answer comes when nothing is left of this process. */
		if (read(requests, &request, 1) != 1 || !run_program())
			break;
		answer(shared, answers, FUZZ_ENDED);
	}
	_exit(0);
}

/* Waits for all other children. Returns whether they have ended. */
static bool reap_others(unsigned int milliseconds)
{
	const struct timespec pause = {.tv_nsec = 200000000};
	sigset_t signals;
	pid_t got;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (unsigned int passed = 0; passed < milliseconds; passed += 200) {
		do {
			got = waitpid(-1, NULL, WNOHANG | __WALL);
		} while (got > 0);
		if (got < 0)
			return true;
		sigtimedwait(&signals, NULL, &pause);
	}
	return false;
}

static void have_child_run(struct fuzz_shared *shared, int requests, int answers)
{
	int status = 0;
	bool ended;
	pid_t child;

	prepare_coverage(shared);
	child = fork();
	if (!child) {
		begin_child(shared);
		run_programs(shared, requests, answers);
	}
	setpgid(child, child);
	waitpid(child, &status, __WALL);
	/* Its own children may wait for ever. */
	kill(-child, SIGKILL);
	ended = reap_others(FUZZ_PATIENCE * shared->patience);
	if (!shared->running)
		return;
	shared->transcript.status = status;
	answer(shared, answers, ended ? FUZZ_ENDED : FUZZ_UNKILLABLE);
}

void serve(struct fuzz_shared *shared, int requests, int answers, int processor)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	prepare(processor);
	requests = own(requests);
	answers = own(answers);
	while (is_asked(requests))
		have_child_run(shared, requests, answers);
}
