/* SPDX-License-Identifier: MIT */
/*
 * userfault-run opens the module's device before it starts the program, and the descriptor stays
 * open. So contexts can be made where the program itself could not open the device: without rights,
 * in another root folder, under a filter, with one number left for a descriptor.
 *
 * The program doesn't know of that descriptor, and to it the number isn't open: calls that close or
 * duplicate the number get EBADF, and calls that close all descriptors pass over it. The number is
 * above those that the program may have open, if possible. If the program puts a file there all the
 * same, the descriptor moves: within REDIRECT_REACH, where each process looks for it anew. The new
 * number isn't stored, because it would be wrong in a child of vfork() or in its parent, which
 * share memory and not descriptors.
 *
 * The descriptor is recognised by two things: it is open for ioctl(2) alone, a mode for which
 * programs have no use, and it is of the module's device. All of this may be called in signal
 * handlers and in a child of vfork().
 */
#define _GNU_SOURCE
#include "library.h"
#include "redirect.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	int (*_Atomic close)(int fd);
	typeof(close_range) *_Atomic close_range;
	void (*_Atomic closefrom)(int lowest);
	int (*_Atomic dup)(int fd);
	int (*_Atomic dup2)(int from, int to);
	int (*_Atomic dup3)(int from, int to, int flags);
	int (*_Atomic fcntl)(int fd, int command, ...);
	typeof(posix_spawn_file_actions_addclose) *_Atomic addclose;
	typeof(posix_spawn_file_actions_addclosefrom_np) *_Atomic addclosefrom;
	typeof(posix_spawn_file_actions_adddup2) *_Atomic adddup2;
	typeof(posix_spawn_file_actions_addopen) *_Atomic addopen;
} next;

static atomic_int number = -1; /* of the descriptor at first; -1: there is none */
static _Atomic dev_t device;
static atomic_bool has_moved; /* or may have moved: it is within reach, or gone */
static atomic_bool is_ready;

static bool is_of_device(int fd)
{
	const int before = errno;
	const int flags = NEXT(fcntl)(fd, F_GETFL);
	struct stat status;
	const bool is = flags >= 0 && (flags & O_ACCMODE) == O_ACCMODE && !fstat(fd, &status) &&
			S_ISCHR(status.st_mode) && status.st_rdev == device;

	errno = before;
	return is;
}

static void get_ready(void)
{
	const char *kept = getenv(REDIRECT_DESCRIPTOR_VARIABLE);
	int at;
	dev_t of;

	next.close = dlsym(RTLD_NEXT, "close");
	next.close_range = dlsym(RTLD_NEXT, "close_range");
	next.closefrom = dlsym(RTLD_NEXT, "closefrom");
	next.dup = dlsym(RTLD_NEXT, "dup");
	next.dup2 = dlsym(RTLD_NEXT, "dup2");
	next.dup3 = dlsym(RTLD_NEXT, "dup3");
	next.fcntl = dlsym(RTLD_NEXT, "fcntl");
	next.addclose = dlsym(RTLD_NEXT, "posix_spawn_file_actions_addclose");
	next.addclosefrom = dlsym(RTLD_NEXT, "posix_spawn_file_actions_addclosefrom_np");
	next.adddup2 = dlsym(RTLD_NEXT, "posix_spawn_file_actions_adddup2");
	next.addopen = dlsym(RTLD_NEXT, "posix_spawn_file_actions_addopen");

	if (!kept || sscanf(kept, "%d:%lu", &at, &of) != 2)
		return;
	device = of;
	number = at;
	if (!is_of_device(at))
		has_moved = true;
}

static inline void ensure_ready(void)
{
	ensure(&is_ready, get_ready);
}

__attribute__((constructor)) static void be_ready(void)
{
	ensure_ready();
}

static bool is_within_reach(int fd)
{
	return fd >= number - REDIRECT_REACH && fd <= number + REDIRECT_REACH;
}

/* This takes a system call for a few numbers only. */
static bool is_kept(int fd)
{
	return number >= 0 && (fd == number || (has_moved && is_within_reach(fd))) &&
	       is_of_device(fd);
}

static int find(void)
{
	for (int fd = number - REDIRECT_REACH; fd <= number + REDIRECT_REACH; fd++)
		if (is_kept(fd))
			return fd;
	return -1;
}

/*
 * A program's filter may allow no system calls but the program's own, so this makes none, unless
 * the descriptor may have moved.
 */
int kept_descriptor(void)
{
	ensure_ready();
	return has_moved ? find() : number;
}

bool refuse_kept(int fd)
{
	ensure_ready();
	if (!is_kept(fd))
		return false;
	errno = EBADF;
	return true;
}

static bool is_within_limit(int fd)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_NOFILE, &limit) && (rlim_t)fd < limit.rlim_cur;
}

/* Above the limit the program can't put anything, and so nothing has to move. */
void make_room(int fd)
{
	const int before = errno;

	ensure_ready();
	if (!is_kept(fd) || !is_within_limit(fd))
		return;
	has_moved = true;
	if (NEXT(fcntl)(fd, F_DUPFD, number + 1) < 0)
		NEXT(fcntl)(fd, F_DUPFD, number > REDIRECT_REACH ? number - REDIRECT_REACH : 0);
	errno = before;
}

/* --- closing and copying descriptors ------------------------------------------- */

EXPORT int close(int fd)
{
	return refuse_kept(fd) ? -1 : NEXT(close)(fd);
}

EXPORT int dup(int fd)
{
	return refuse_kept(fd) ? -1 : NEXT(dup)(fd);
}

EXPORT int dup2(int from, int to)
{
	if (refuse_kept(from))
		return -1;
	make_room(to);
	return NEXT(dup2)(from, to);
}

EXPORT int dup3(int from, int to, int flags)
{
	if (refuse_kept(from))
		return -1;
	make_room(to);
	return NEXT(dup3)(from, to, flags);
}

/* The argument, if there is one, is a number or a pointer. This passes on either, as libc does. */
EXPORT int fcntl(int fd, int command, ...)
{
	va_list arguments;

	va_start(arguments, command);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	return refuse_kept(fd) ? -1 : NEXT(fcntl)(fd, command, argument);
}

/*
 * Closes what is below the kept number and what is above. The last call comes even if it has
 * nothing to close: it checks the flags, and may unshare the table.
 */
EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	const unsigned int kept = (unsigned int)kept_descriptor();

	if (kept < first || kept > last || !is_kept((int)kept))
		return NEXT(close_range)(first, last, flags);
	if (first < kept && NEXT(close_range)(first, kept - 1, flags))
		return -1;
	return kept < last ? NEXT(close_range)(kept + 1, last, flags)
			   : NEXT(close_range)(~0U, ~0U, flags);
}

EXPORT void closefrom(int lowest)
{
	const int kept = kept_descriptor();
	int fd = lowest < 0 ? 0 : lowest;

	if (kept < fd || !is_kept(kept)) {
		NEXT(closefrom)(lowest);
		return;
	}
	if (close_range((unsigned int)fd, ~0U, 0) == 0)
		return;
	NEXT(closefrom)(kept + 1);
	for (; fd < kept; fd++)
		NEXT(close)(fd);
}

SAME_AS(close) int __close(int fd);
SAME_AS(dup2) int __dup2(int from, int to);
SAME_AS(fcntl) int __fcntl(int fd, int command, ...);
SAME_AS(fcntl) int fcntl64(int fd, int command, ...);

/* --- what a spawned child does with descriptors -------------------------------- */

/* Has the child move the kept descriptor to a number that isn't open now. */
static int make_room_in_child(posix_spawn_file_actions_t *actions, int fd)
{
	ensure_ready();
	if (!is_kept(fd) || !is_within_limit(fd))
		return 0;
	for (int to = number + REDIRECT_REACH; to >= number - REDIRECT_REACH; to--)
		if (to >= 0 && is_within_limit(to) && NEXT(fcntl)(to, F_GETFD) < 0)
			return NEXT(adddup2)(actions, fd, to);
	return 0;
}

EXPORT int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from, int to)
{
	return make_room_in_child(actions, to) ?: NEXT(adddup2)(actions, from, to);
}

EXPORT int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *actions, int fd,
					    const char *path, int flags, mode_t mode)
{
	return make_room_in_child(actions, fd) ?: NEXT(addopen)(actions, fd, path, flags, mode);
}

/* To the program the kept descriptor isn't open, and so there is nothing to close. */
EXPORT int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
	ensure_ready();
	if (is_kept(fd))
		return is_within_limit(fd) ? 0 : EBADF;
	return NEXT(addclose)(actions, fd);
}

/* No action closes a range: below the kept descriptor, each number takes an action of its own. */
EXPORT int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int lowest)
{
	const int kept = kept_descriptor();
	int error = 0;

	/* There is no action that closes a single number above the limit. */
	if (lowest < 0 || kept < lowest || !is_kept(kept) || !is_within_limit(kept - 1))
		return NEXT(addclosefrom)(actions, lowest);
	for (int fd = lowest; fd < kept && !error; fd++)
		error = NEXT(addclose)(actions, fd);
	return error ?: NEXT(addclosefrom)(actions, kept + 1);
}
