// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "strangers.h"

#include "entries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/close_range.h>

#define FIRST (STDERR_FILENO + 1)
#define TAKEN 8

extern char **environ;

/* The limit of descriptor numbers, after raising it by @more. */
static int limit(int more)
{
	struct rlimit numbers;

	getrlimit(RLIMIT_NOFILE, &numbers);
	if (more) {
		const rlim_t wanted = numbers.rlim_cur + (rlim_t)more;

		numbers.rlim_cur = wanted;
		if (numbers.rlim_max < wanted)
			numbers.rlim_max = wanted;
		if (setrlimit(RLIMIT_NOFILE, &numbers))
			return -1;
	}
	return (int)numbers.rlim_cur;
}

/* --- closing ------------------------------------------------------------------- */

static int close_each(void)
{
	const int end = limit(64);

	for (int fd = FIRST; fd < end; fd++)
		close(fd);
	return end < 0;
}

static int syscall_close_each(void)
{
	const int end = limit(64);

	for (int fd = FIRST; fd < end; fd++)
		syscall(SYS_close, fd);
	return end < 0;
}

/*
 * Without libc, and so past the preloaded library, which notices only later that its descriptor is
 * gone.
 */
static int instruction_close_each(void)
{
	const int end = limit(64);

	for (int fd = FIRST; fd < end; fd++)
		instruction(SYS_close, fd, 0, 0);
	return end < 0;
}

static int close_listed(void)
{
	DIR *folder = opendir("/proc/self/fd");

	if (!folder)
		return -1;
	for (const struct dirent *entry; (entry = readdir(folder));) {
		const int fd = atoi(entry->d_name);

		if (fd >= FIRST && fd != dirfd(folder))
			close(fd);
	}
	return closedir(folder);
}

/* Programs that are executed then don't get the descriptors. */
static int cloexec_each(void)
{
	const int end = limit(64);

	for (int fd = FIRST; fd < end; fd++) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		ioctl(fd, FIOCLEX);
	}
	return end < 0;
}

static int close_from(void)
{
	closefrom(FIRST);
	return 0;
}

static int range(void) { return close_range(FIRST, ~0U, 0); }
static int range_unshare(void) { return close_range(FIRST, ~0U, CLOSE_RANGE_UNSHARE); }
static int range_cloexec(void) { return close_range(FIRST, ~0U, CLOSE_RANGE_CLOEXEC); }

static int range_each(void)
{
	const unsigned int end = (unsigned int)limit(64);

	for (unsigned int fd = FIRST; fd < end; fd++)
		if (close_range(fd, fd, 0))
			return -1;
	return 0;
}

static int syscall_range(void)
{
	return (int)syscall(SYS_close_range, FIRST, ~0U, 0);
}

/* --- taking numbers ------------------------------------------------------------ */

/* Takes numbers above the first limit, where no descriptor can be open. */
static int take(int (*copy)(int from, int to))
{
	const int first = limit(0);

	if (limit(64) < 0)
		return -1;
	for (int fd = first; fd < first + TAKEN; fd++)
		if (copy(STDOUT_FILENO, fd) != fd)
			return -1;
	for (int fd = first; fd < first + TAKEN; fd++)
		if (close(fd))
			return -1;
	return 0;
}

static int by_dup3(int from, int to) { return dup3(from, to, O_CLOEXEC); }
static int by_syscall_dup2(int from, int to) { return (int)syscall(SYS_dup2, from, to); }
static int by_syscall_dup3(int from, int to) { return (int)syscall(SYS_dup3, from, to, 0); }

static int take_by_dup2(void) { return take(dup2); }
static int take_by_dup3(void) { return take(by_dup3); }
static int take_by_syscall_dup2(void) { return take(by_syscall_dup2); }
static int take_by_syscall_dup3(void) { return take(by_syscall_dup3); }

/* In a child that shares memory with its parent, but not descriptors. */
static int take_in_vfork(void)
{
	int status;
	const pid_t child = vfork();

	if (child == 0)
		_exit(take(dup2));
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return status;
}

const struct stranger strangers[] = {
	{"close-each", close_each},
	{"syscall-close-each", syscall_close_each},
	{"instruction-close-each", instruction_close_each},
	{"close-listed", close_listed},
	{"cloexec-each", cloexec_each},
	{"closefrom", close_from},
	{"close-range", range},
	{"close-range-unshare", range_unshare},
	{"close-range-cloexec", range_cloexec},
	{"close-range-each", range_each},
	{"syscall-close-range", syscall_range},
	{"dup2", take_by_dup2},
	{"dup3", take_by_dup3},
	{"syscall-dup2", take_by_syscall_dup2},
	{"syscall-dup3", take_by_syscall_dup3},
	{"vfork-dup2", take_in_vfork},
	{},
};

/* --- spawning ------------------------------------------------------------------ */

static int add_actions(posix_spawn_file_actions_t *actions, const char *way)
{
	const int first = limit(0), end = limit(64);
	int error = 0;

	if (!strcmp(way, "closefrom"))
		return posix_spawn_file_actions_addclosefrom_np(actions, FIRST);
	if (!strcmp(way, "close"))
		for (int fd = FIRST; fd < end && !error; fd++)
			error = posix_spawn_file_actions_addclose(actions, fd);
	if (!strcmp(way, "dup2"))
		error = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, first);
	if (!strcmp(way, "open"))
		error = posix_spawn_file_actions_addopen(actions, first, "/", O_PATH, 0);
	return error;
}

int spawn_without_strangers(const char *way, char **argv)
{
	posix_spawn_file_actions_t actions;
	pid_t child;
	int status;

	posix_spawn_file_actions_init(&actions);
	if (add_actions(&actions, way) ||
	    posix_spawn(&child, argv[0], &actions, NULL, argv, environ) ||
	    waitpid(child, &status, 0) < 0)
		return EXIT_FAILURE;
	posix_spawn_file_actions_destroy(&actions);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* --- what a program sees of unknown descriptors -------------------------------- */

static int by_fcntl(int fd) { return fcntl(fd, F_GETFD); }
static int by_setfd(int fd) { return fcntl(fd, F_SETFD, 0); }
static int by_dup_onto_itself(int fd) { return dup2(fd, fd); }
static int by_ioctl(int fd) { return ioctl(fd, FIOCLEX); }
static int by_syscall_fcntl(int fd) { return (int)syscall(SYS_fcntl, fd, F_GETFD); }
static int by_syscall_ioctl(int fd) { return (int)syscall(SYS_ioctl, fd, FIOCLEX); }
static int by_syscall_dup(int fd) { return (int)syscall(SYS_dup, fd); }

static int by_read(int fd)
{
	char byte;

	return (int)read(fd, &byte, 1);
}

static void print_result(const char *call, int result)
{
	printf("%s: %d %s\n", call, result, strerrorname_np(errno));
}

void print_strangers(void)
{
	static const struct {
		const char *name;
		int (*ask)(int fd);
	} calls[] = {
		{"fcntl", by_fcntl},
		{"setfd", by_setfd},
		{"dup", dup},
		{"dup2", by_dup_onto_itself},
		{"ioctl", by_ioctl},
		{"read", by_read},
		{"syscall fcntl", by_syscall_fcntl},
		{"syscall ioctl", by_syscall_ioctl},
		{"syscall dup", by_syscall_dup},
		{"close", close},
	};
	const int lowest = dup(STDOUT_FILENO), end = limit(64);

	close(lowest);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (int fd = lowest; fd < end; fd++)
			if (calls[i].ask(fd) >= 0 || errno != EBADF)
				printf("descriptor %d: %s: %s\n", fd, calls[i].name,
				       strerrorname_np(errno));
	print_result("close_range of nothing", close_range(9, 8, 0));
	print_result("its flags", close_range((unsigned int)lowest, ~0U, 1 << 30));
}
