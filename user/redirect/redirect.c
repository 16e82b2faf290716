/* SPDX-License-Identifier: MIT */
/*
 * The library that userfault-run preloads: wherever a program asks libc for a userfaultfd, it gets
 * a context of the userfault module.
 *
 *	syscall(SYS_userfaultfd, flags)			a context
 *	open("/dev/userfaultfd"), openat and so on	the module's device
 *	ioctl(USERFAULTFD_IOC_NEW) on the kernel's	a context, however the program came to have
 *	device						that device open
 *
 * Every other call goes on to the next library after a compare or two. All functions may be called
 * in signal handlers and in any thread, before main() and in a child of vfork(); they change errno
 * only if they fail. A new descriptor has the number that the kernel would have given it; the
 * program knows nothing of the descriptor that is kept open (descriptor.c).
 *
 * What the kernel would refuse, the library refuses: it asks the kernel first.
 */
#define _GNU_SOURCE
#include "library.h"
#include "redirect.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/major.h>
#include <linux/openat2.h>
#include <linux/userfault.h>

/* --- what was there before us -------------------------------------------------- */

static struct {
	long (*_Atomic syscall)(long number, ...);
	int (*_Atomic ioctl)(int fd, unsigned long request, ...);
	int (*_Atomic open)(const char *path, int flags, ...);
	int (*_Atomic openat)(int folder, const char *path, int flags, ...);
	int (*_Atomic open_2)(const char *path, int flags);
	int (*_Atomic openat_2)(int folder, const char *path, int flags);
	FILE *(*_Atomic fopen)(const char *path, const char *mode);
	FILE *(*_Atomic freopen)(const char *path, const char *mode, FILE *file);
} next;

static const char *_Atomic device;
static _Atomic dev_t device_number; /* 0 where the device can't be seen */
static atomic_bool verbose;
static atomic_bool is_ready;

static void get_ready(void)
{
	const char *wanted = getenv(REDIRECT_DEVICE_VARIABLE), *unknown = NULL;
	struct stat status;

	next.syscall = dlsym(RTLD_NEXT, "syscall");
	next.ioctl = dlsym(RTLD_NEXT, "ioctl");
	next.open = dlsym(RTLD_NEXT, "open");
	next.openat = dlsym(RTLD_NEXT, "openat");
	next.open_2 = dlsym(RTLD_NEXT, "__open_2");
	next.openat_2 = dlsym(RTLD_NEXT, "__openat_2");
	next.fopen = dlsym(RTLD_NEXT, "fopen");
	next.freopen = dlsym(RTLD_NEXT, "freopen");

	/* Whoever is first: later the variable may not be in the environment any more. */
	atomic_compare_exchange_strong(&device, &unknown, wanted ? wanted : USERFAULT_DEVICE);
	if (getenv(REDIRECT_VERBOSE_VARIABLE))
		verbose = true;
	if (!stat(device, &status) && S_ISCHR(status.st_mode))
		device_number = status.st_rdev;
}

static inline void ensure_ready(void)
{
	ensure(&is_ready, get_ready);
}

/* The program may write over the environment that it was started with: so the path is copied. */
__attribute__((constructor)) static void be_ready(void)
{
	static char copy[PATH_MAX] = USERFAULT_DEVICE;

	ensure_ready();
	if (strlen(device) < sizeof(copy))
		strcpy(copy, device);
	device = copy;
}

/* --- what -v prints ------------------------------------------------------------ */

static struct iovec text(const char *string)
{
	return (struct iovec){(void *)string, strlen(string)};
}

/* printf must not be called in a signal handler. */
static struct iovec number(char buffer[static 16], unsigned int value)
{
	char *digit = buffer + 16;

	do
		*--digit = (char)('0' + value % 10);
	while (value /= 10);
	return (struct iovec){digit, (size_t)(buffer + 16 - digit)};
}

static bool is_pending(int signal)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, signal) == 1;
}

/*
 * Writes to stderr. If that is a pipe without a reader, the program doesn't get the SIGPIPE for it,
 * because it hasn't written anything itself. A SIGPIPE that was pending before stays. Makes its
 * system calls by number, for the reason given below.
 */
static long write_quietly(const struct iovec *parts, size_t length)
{
	static const struct timespec now;
	const bool was_pending = is_pending(SIGPIPE);
	sigset_t signals, before;

	sigemptyset(&signals);
	sigaddset(&signals, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &signals, &before);

	const long written = NEXT(syscall)(SYS_writev, STDERR_FILENO, parts, length);
	const int error = errno;

	if (written < 0 && error == EPIPE && !was_pending)
		NEXT(syscall)(SYS_rt_sigtimedwait, &signals, NULL, &now, _NSIG / 8);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return written;
}

/* Returns @fd and leaves errno alone. */
static int tell(const char *call, int fd)
{
	const int before = errno;
	char pid[16], value[16];

	if (!verbose)
		return fd;

	const struct iovec parts[] = {
		text("userfault-run: "),
		text(program_invocation_short_name),
		text("["),
		number(pid, (unsigned int)getpid()),
		text("]: "),
		text(call),
		text(fd < 0 ? " failed by " : " is descriptor "),
		fd < 0 ? text("") : number(value, (unsigned int)fd),
		text(fd < 0 ? "" : " by "),
		text(device),
		text(fd < 0 ? ": " : ""),
		text(fd < 0 ? strerrordesc_np(before) : ""),
		text("\n"),
	};

	if (write_quietly(parts, LENGTH_OF(parts)) < 0 && (errno == EPIPE || errno == EBADF))
		verbose = false; /* nobody reads it */
	errno = before;
	return fd;
}

/* --- redirecting --------------------------------------------------------------- */

/*
 * The functions below make system calls by number: libc could cancel the thread in its own, while a
 * file is open.
 */

static void close_quietly(int fd)
{
	const int before = errno;

	NEXT(syscall)(SYS_close, fd);
	errno = before;
}

/*
 * Makes @at what @fd is, in one step, closed on exec if @flags say so, and closes @fd. Returns @at,
 * or -1 with both closed.
 */
static int move(int fd, int at, int flags)
{
	const int moved = (int)NEXT(syscall)(SYS_dup3, fd, at, flags & O_CLOEXEC);

	if (moved < 0)
		close_quietly(at);
	close_quietly(fd);
	return moved;
}

static int new_context(int fd, unsigned long flags)
{
	return (int)NEXT(syscall)(SYS_ioctl, fd, USERFAULTFD_IOC_NEW, flags, REDIRECT_MARK);
}

/* The errno that userfaultfd(2) would have, for the errno @from_open of opening the device. */
static int errno_of_syscall(int from_open)
{
	switch (from_open) {
	case EACCES:
	case EPERM:
		return EPERM;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return from_open;
	default:
		return ENOSYS;
	}
}

/* If no device is kept open, or the program has closed it without libc */
static int make_context_by_path(int flags)
{
	const int dev = (int)NEXT(syscall)(SYS_openat, AT_FDCWD, device, O_RDWR | O_CLOEXEC);

	if (dev < 0) {
		errno = errno_of_syscall(errno);
		return -1;
	}

	const int context = new_context(dev, (unsigned int)flags);

	if (context < 0) {
		close_quietly(dev);
		return -1;
	}
	return move(context, dev, flags);
}

static int make_context(int flags)
{
	const int before = errno;
	const int kept = kept_descriptor();
	const int context = kept < 0 ? -1 : new_context(kept, (unsigned int)flags);

	if (context >= 0 || (kept >= 0 && errno != EBADF && errno != ENOTTY))
		return context;
	errno = before;
	return make_context_by_path(flags);
}

/*
 * userfaultfd(2), by the module. Only the kernel knows whether the program may call it: that
 * depends on capabilities, vm.unprivileged_userfaultfd and filters. The kernel checks these first.
 * Then it answers EINVAL, and makes nothing, because REDIRECT_ASK is no flag that it knows. Any
 * other answer is a refusal, by the kernel or by a filter.
 */
static int userfaultfd(int flags)
{
	const int before = errno;
	const long answer =
		NEXT(syscall)(SYS_userfaultfd, (unsigned long)((unsigned int)flags | REDIRECT_ASK));

	if (answer >= 0 || errno != EINVAL)
		return (int)answer;
	errno = before;
	return make_context(flags);
}

/* Whether opening a file failed for a reason that need not hold for the module's device */
static bool may_be_ours(int error)
{
	return error == ENOENT || error == EACCES || error == EPERM || error == ENXIO;
}

/*
 * The result of opening @path. So far the kernel has answered with @fd, or errno; before that,
 * errno was @before. Reads @path only after the kernel has read it: an unreadable path would kill
 * us.
 */
static int opened(int fd, int before, const char *path, int flags, mode_t mode)
{
	const int error = errno;

	if ((fd < 0 && !may_be_ours(error)) || strcmp(path, NATIVE_DEVICE))
		return fd;

	int ours = (int)NEXT(syscall)(SYS_openat, AT_FDCWD, device, flags, mode);

	if (fd >= 0 && ours >= 0)
		ours = move(ours, fd, flags);
	else if (fd >= 0 && kept_descriptor() >= 0)
		ours = fd; /* the kernel's, on which ioctl() serves */
	else if (fd >= 0)
		close_quietly(fd);
	else if (ours < 0)
		errno = error;
	if (ours >= 0)
		errno = before;
	return tell("open(\"" NATIVE_DEVICE "\")", ours);
}

/*
 * Whether @fd is of a misc device other than the module's. Only the module's and the kernel's know
 * USERFAULTFD_IOC_NEW, so that is then meant for the kernel's.
 */
static bool is_foreign_device(int fd)
{
	const int before = errno;
	struct stat status;
	const bool is_device = !fstat(fd, &status) && S_ISCHR(status.st_mode);

	errno = before;
	return is_device && major(status.st_rdev) == MISC_MAJOR && status.st_rdev != device_number;
}

static int ioctl_new(int fd, unsigned long flags)
{
	if (is_foreign_device(fd))
		return tell("ioctl(USERFAULTFD_IOC_NEW)", make_context((int)flags));
	return new_context(fd, flags);
}

/* --- what is called in libc's place -------------------------------------------- */

/* Whether open(2) takes a mode with these flags */
static bool take_mode(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

/* The mode, where there is one, is the last argument. */
#define MODE_AFTER(flags)                                                                          \
	({                                                                                         \
		mode_t mode_ = 0;                                                                  \
		va_list arguments_;                                                                \
		va_start(arguments_, flags);                                                       \
		if (take_mode(flags))                                                              \
			mode_ = va_arg(arguments_, mode_t);                                        \
		va_end(arguments_);                                                                \
		mode_;                                                                             \
	})

EXPORT int open(const char *path, int flags, ...)
{
	const mode_t mode = MODE_AFTER(flags);
	const int before = errno;

	ensure_ready();
	return opened(NEXT(open)(path, flags, mode), before, path, flags, mode);
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
	const mode_t mode = MODE_AFTER(flags);
	const int before = errno;

	ensure_ready();
	return opened(NEXT(openat)(folder, path, flags, mode), before, path, flags, mode);
}

/* What -D_FORTIFY_SOURCE makes of open() and openat() without a mode */
EXPORT int __open_2(const char *path, int flags)
{
	const int before = errno;

	ensure_ready();
	return opened(NEXT(open_2)(path, flags), before, path, flags, 0);
}

EXPORT int __openat_2(int folder, const char *path, int flags)
{
	const int before = errno;

	ensure_ready();
	return opened(NEXT(openat_2)(folder, path, flags), before, path, flags, 0);
}

/* If this opens the kernel's device, ioctl() recognises it later. */
EXPORT FILE *fopen(const char *path, const char *mode)
{
	const int before = errno;

	ensure_ready();

	FILE *file = NEXT(fopen)(path, mode);

	if (file || !may_be_ours(errno) || strcmp(path, NATIVE_DEVICE))
		return file;
	file = NEXT(fopen)(device, mode);
	if (file)
		errno = before;
	tell("fopen(\"" NATIVE_DEVICE "\")", file ? fileno(file) : -1);
	return file;
}

/* Whether @path names the kernel's device. Reads it only after the kernel has, see opened(). */
static bool is_native_device(const char *path)
{
	const int before = errno;
	const bool may_be = NEXT(syscall)(SYS_access, path, F_OK) == 0 || may_be_ours(errno);

	errno = before;
	return may_be && !strcmp(path, NATIVE_DEVICE);
}

/* If it fails, @file is closed: so this has to know beforehand which file to open. */
EXPORT FILE *freopen(const char *path, const char *mode, FILE *file)
{
	const int before = errno;

	ensure_ready();
	if (!path || !is_native_device(path))
		return NEXT(freopen)(path, mode, file);
	file = NEXT(freopen)(device, mode, file);
	if (file)
		errno = before;
	tell("freopen(\"" NATIVE_DEVICE "\")", file ? fileno(file) : -1);
	return file;
}

/* Where long has 64 bits, all files are large. */
_Static_assert(sizeof(off_t) == 8, "open and open64 are the same");

SAME_AS(open) int open64(const char *path, int flags, ...);
SAME_AS(open) int __open(const char *path, int flags, ...);
SAME_AS(open) int __open64(const char *path, int flags, ...);
SAME_AS(openat) int openat64(int folder, const char *path, int flags, ...);
SAME_AS(__open_2) int __open64_2(const char *path, int flags);
SAME_AS(__openat_2) int __openat64_2(int folder, const char *path, int flags);
SAME_AS(fopen) FILE *fopen64(const char *path, const char *mode);
SAME_AS(freopen) FILE *freopen64(const char *path, const char *mode, FILE *file);

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;

	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);

	ensure_ready();
	if (refuse_kept(fd))
		return -1;
	if ((unsigned int)request == USERFAULTFD_IOC_NEW)
		return ioctl_new(fd, (unsigned long)argument);
	return NEXT(ioctl)(fd, request, argument);
}

/* The result of a call made by number, which the kernel has answered with @result, or errno */
static long called(long number, const long *a, long result, int before)
{
	const struct open_how *how;

	switch (number) {
	case SYS_open:
		return opened((int)result, before, (const char *)a[0], (int)a[1], (mode_t)a[2]);
	case SYS_openat:
		return opened((int)result, before, (const char *)a[1], (int)a[2], (mode_t)a[3]);
	case SYS_openat2:
		how = (const struct open_how *)a[2];
		if (result < 0 && !may_be_ours(errno))
			return result;
		return opened((int)result, before, (const char *)a[1], (int)how->flags,
			      (mode_t)how->mode);
	default:
		return result;
	}
}

/* Whether a call made by number is for the descriptor that is kept; see refuse_kept(). */
static bool refuse_call(long number, const long *a)
{
	switch (number) {
	case SYS_close:
	case SYS_dup:
	case SYS_dup2:
	case SYS_dup3:
	case SYS_fcntl:
	case SYS_ioctl:
		return refuse_kept((int)a[0]);
	default:
		return false;
	}
}

/*
 * As libc's own, this takes six arguments, even if the caller gave fewer. Then the sixth is
 * whatever is on the caller's stack, which to AddressSanitizer would be a mistake.
 */
__attribute__((no_sanitize_address)) EXPORT long syscall(long number, ...)
{
	const int before = errno;
	long a[6];
	va_list arguments;

	va_start(arguments, number);
	for (unsigned int i = 0; i < LENGTH_OF(a); i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);

	ensure_ready();
	if (refuse_call(number, a))
		return -1;
	switch (number) {
	case SYS_userfaultfd:
		return tell("userfaultfd()", userfaultfd((int)a[0]));
	case SYS_ioctl:
		if ((unsigned int)a[1] == USERFAULTFD_IOC_NEW)
			return ioctl_new((int)a[0], (unsigned long)a[2]);
		break;
	case SYS_dup2:
	case SYS_dup3:
		make_room((int)a[1]);
		break;
	case SYS_close_range:
		return close_range((unsigned int)a[0], (unsigned int)a[1], (int)a[2]);
	case SYS_execve:
		return execve((char *)a[0], (char **)a[1], (char **)a[2]);
	case SYS_execveat:
		return execveat((int)a[0], (char *)a[1], (char **)a[2], (char **)a[3], (int)a[4]);
	}
	return called(number, a, NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]), before);
}
