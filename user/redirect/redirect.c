/* SPDX-License-Identifier: MIT */
/*
 * The library that userfault-run preloads: wherever a program asks libc for a userfaultfd, it gets
 * a context of the userfault module.
 *
 *	syscall(SYS_userfaultfd, flags)			a context
 *	open("/dev/userfaultfd"), openat and so on	the module's device
 *	ioctl(USERFAULTFD_IOC_NEW) on the kernel's	a context, however that came to be open
 *
 * Everything else goes on to the next library after a compare or two. All of it may be called in
 * signal handlers and in any thread, before main() and in a child of vfork(); errno changes only
 * where a call fails. A new descriptor has the number that the kernel would have given it; of the
 * one that is kept open (descriptor.c) the program knows nothing.
 *
 * What the kernel would refuse is refused: it is asked first.
 */
#define _GNU_SOURCE
#include "library.h"
#include "redirect.h"

#include <dlfcn.h>
#include <fcntl.h>
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
	long (*syscall)(long number, ...);
	int (*ioctl)(int fd, unsigned long request, ...);
	int (*open)(const char *path, int flags, ...);
	int (*openat)(int folder, const char *path, int flags, ...);
	int (*open_2)(const char *path, int flags);
	int (*openat_2)(int folder, const char *path, int flags);
	FILE *(*fopen)(const char *path, const char *mode);
	FILE *(*freopen)(const char *path, const char *mode, FILE *file);
} next;

static char device[4096] = USERFAULT_DEVICE;
static dev_t device_number; /* 0 where the device can't be seen */
static bool verbose;
static atomic_bool is_ready;

static void get_ready(void)
{
	const char *wanted = getenv(REDIRECT_DEVICE_VARIABLE);
	struct stat status;

	next.syscall = dlsym(RTLD_NEXT, "syscall");
	next.ioctl = dlsym(RTLD_NEXT, "ioctl");
	next.open = dlsym(RTLD_NEXT, "open");
	next.openat = dlsym(RTLD_NEXT, "openat");
	next.open_2 = dlsym(RTLD_NEXT, "__open_2");
	next.openat_2 = dlsym(RTLD_NEXT, "__openat_2");
	next.fopen = dlsym(RTLD_NEXT, "fopen");
	next.freopen = dlsym(RTLD_NEXT, "freopen");

	if (wanted && strlen(wanted) < sizeof(device))
		strcpy(device, wanted);
	verbose = getenv(REDIRECT_VERBOSE_VARIABLE);
	if (!stat(device, &status) && S_ISCHR(status.st_mode))
		device_number = status.st_rdev;
}

static inline void ensure_ready(void)
{
	ensure(&is_ready, get_ready);
}

__attribute__((constructor)) static void be_ready(void)
{
	ensure_ready();
}

/* --- what -v tells ------------------------------------------------------------- */

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
 * Without the SIGPIPE that a pipe without a reader sends: the program hasn't written anything. One
 * that it has blocked and that has come before stays. Made by number, see below.
 */
static long write_quietly(const struct iovec *parts, size_t length)
{
	static const struct timespec now;
	const bool was_pending = is_pending(SIGPIPE);
	sigset_t signals, before;

	sigemptyset(&signals);
	sigaddset(&signals, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &signals, &before);

	const long written = next.syscall(SYS_writev, STDERR_FILENO, parts, length);
	const int error = errno;

	if (written < 0 && error == EPIPE && !was_pending)
		next.syscall(SYS_rt_sigtimedwait, &signals, NULL, &now, _NSIG / 8);
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
		verbose = false; /* nobody listens */
	errno = before;
	return fd;
}

/* --- redirecting --------------------------------------------------------------- */

/* The calls below are made by number, because those of libc can be cancelled with a file open. */

static void close_quietly(int fd)
{
	const int before = errno;

	next.syscall(SYS_close, fd);
	errno = before;
}

/*
 * Puts what @fd is in place of what @at is, in one step, and so that it is closed on exec if @flags
 * say so. Returns @at, or -1 with both closed.
 */
static int move(int fd, int at, int flags)
{
	const int moved = (int)next.syscall(SYS_dup3, fd, at, flags & O_CLOEXEC);

	if (moved < 0)
		close_quietly(at);
	close_quietly(fd);
	return moved;
}

static int new_context(int fd, unsigned long flags)
{
	return (int)next.syscall(SYS_ioctl, fd, USERFAULTFD_IOC_NEW, flags, REDIRECT_MARK);
}

/* What userfaultfd(2) says to whom it isn't for, in place of what opening the device says. */
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

/* Where no device is kept open, or the program has closed it past libc */
static int make_context_by_path(int flags)
{
	const int dev = (int)next.syscall(SYS_openat, AT_FDCWD, device, O_RDWR | O_CLOEXEC);

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
 * userfaultfd(2), by the module. Whether it may be called only the kernel knows: by capabilities,
 * vm.unprivileged_userfaultfd, filters. It looks at that first, and makes nothing for a flag that
 * there isn't. Any other answer is that of a filter.
 */
static int userfaultfd(int flags)
{
	const int before = errno;
	const long answer =
		next.syscall(SYS_userfaultfd, (unsigned long)((unsigned int)flags | REDIRECT_ASK));

	if (answer >= 0 || errno != EINVAL)
		return (int)answer;
	errno = before;
	return make_context(flags);
}

/* Whether a file may be missing or closed to us in a way that ours needn't be */
static bool may_be_ours(int error)
{
	return error == ENOENT || error == EACCES || error == EPERM || error == ENXIO;
}

/*
 * What comes of opening @path, when @fd, or errno, has come of it so far, and errno was @before.
 * @path is looked at only after the kernel has: what it found unreadable would kill us.
 */
static int opened(int fd, int before, const char *path, int flags, mode_t mode)
{
	const int error = errno;

	if ((fd < 0 && !may_be_ours(error)) || strcmp(path, NATIVE_DEVICE))
		return fd;

	int ours = (int)next.syscall(SYS_openat, AT_FDCWD, device, flags, mode);

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

/* The kernel's device, and no other than these two know the command, is one of this kind. */
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
	return opened(next.open(path, flags, mode), before, path, flags, mode);
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
	const mode_t mode = MODE_AFTER(flags);
	const int before = errno;

	ensure_ready();
	return opened(next.openat(folder, path, flags, mode), before, path, flags, mode);
}

/* What -D_FORTIFY_SOURCE makes of open() and openat() without a mode */
EXPORT int __open_2(const char *path, int flags)
{
	const int before = errno;

	ensure_ready();
	return opened(next.open_2(path, flags), before, path, flags, 0);
}

EXPORT int __openat_2(int folder, const char *path, int flags)
{
	const int before = errno;

	ensure_ready();
	return opened(next.openat_2(folder, path, flags), before, path, flags, 0);
}

/* Where it opens the kernel's device, ioctl() knows that. */
EXPORT FILE *fopen(const char *path, const char *mode)
{
	const int before = errno;

	ensure_ready();

	FILE *file = next.fopen(path, mode);

	if (file || !may_be_ours(errno) || strcmp(path, NATIVE_DEVICE))
		return file;
	file = next.fopen(device, mode);
	if (file)
		errno = before;
	tell("fopen(\"" NATIVE_DEVICE "\")", file ? fileno(file) : -1);
	return file;
}

/* Whether @path names the kernel's device. It is looked at only after the kernel has, see above. */
static bool is_native_device(const char *path)
{
	const int before = errno;
	const bool may_be = next.syscall(SYS_access, path, F_OK) == 0 || may_be_ours(errno);

	errno = before;
	return may_be && !strcmp(path, NATIVE_DEVICE);
}

/* Where it fails @file is closed: what is to be opened has to be known before. */
EXPORT FILE *freopen(const char *path, const char *mode, FILE *file)
{
	const int before = errno;

	ensure_ready();
	if (!path || !is_native_device(path))
		return next.freopen(path, mode, file);
	file = next.freopen(device, mode, file);
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
	return next.ioctl(fd, request, argument);
}

/* What comes of a call made by number, when @result, or errno, has come of it so far */
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

/* As libc's own does, takes six arguments whether or not there are as many. */
EXPORT long syscall(long number, ...)
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
	return called(number, a, next.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]), before);
}
