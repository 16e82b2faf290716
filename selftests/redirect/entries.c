// SPDX-License-Identifier: GPL-2.0-only
#include "entries.h"

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfault.h>

#define DEVICE "/dev/userfaultfd"
#define FLAGS  (O_RDWR | O_CLOEXEC)

/* libc has these functions, its headers don't. */
int __open(const char *path, int flags, ...);
int __open64(const char *path, int flags, ...);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

static int opened_device = -1;

int open_device(void)
{
	opened_device = open(DEVICE, FLAGS);
	return opened_device < 0;
}

static int made_by(int device)
{
	if (device < 0)
		return -1;

	const int context = ioctl(device, USERFAULTFD_IOC_NEW, 0);
	const int error = errno;

	close(device);
	errno = error;
	return context;
}

static int by_syscall(void) { return (int)syscall(SYS_userfaultfd, 0); }
static int by_user_mode(void) { return (int)syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY); }
static int by_open(void) { return made_by(open(DEVICE, FLAGS)); }
static int by_opened_device(void) { return ioctl(opened_device, USERFAULTFD_IOC_NEW, 0); }
static int by_open64(void) { return made_by(open64(DEVICE, FLAGS)); }
static int by_openat(void) { return made_by(openat(AT_FDCWD, DEVICE, FLAGS)); }
static int by_openat64(void) { return made_by(openat64(AT_FDCWD, DEVICE, FLAGS)); }
static int by__open(void) { return made_by(__open(DEVICE, FLAGS)); }
static int by__open64(void) { return made_by(__open64(DEVICE, FLAGS)); }
static int by__open_2(void) { return made_by(__open_2(DEVICE, FLAGS)); }
static int by__open64_2(void) { return made_by(__open64_2(DEVICE, FLAGS)); }
static int by__openat_2(void) { return made_by(__openat_2(AT_FDCWD, DEVICE, FLAGS)); }
static int by__openat64_2(void) { return made_by(__openat64_2(AT_FDCWD, DEVICE, FLAGS)); }

static int by_syscall_open(void)
{
	return made_by((int)syscall(SYS_open, DEVICE, FLAGS, 0));
}

static int by_syscall_openat(void)
{
	return made_by((int)syscall(SYS_openat, AT_FDCWD, DEVICE, FLAGS, 0));
}

static int by_syscall_openat2(void)
{
	struct open_how how = {.flags = FLAGS};

	return made_by((int)syscall(SYS_openat2, AT_FDCWD, DEVICE, &how, sizeof(how)));
}

static int by_syscall_ioctl(void)
{
	const int device = open(DEVICE, FLAGS);
	const int context = (int)syscall(SYS_ioctl, device, USERFAULTFD_IOC_NEW, 0);
	const int error = errno;

	close(device);
	errno = error;
	return context;
}

static int by_relative_openat(void)
{
	const int folder = open("/dev", O_PATH | O_CLOEXEC);
	const int device = openat(folder, "userfaultfd", FLAGS);

	close(folder);
	return made_by(device);
}

static int made_by_stream(FILE *device)
{
	if (!device)
		return -1;

	const int context = ioctl(fileno(device), USERFAULTFD_IOC_NEW, 0);
	const int error = errno;

	fclose(device);
	errno = error;
	return context;
}

/* libc opens files without calling its own open(). */
static int by_fopen(void) { return made_by_stream(fopen(DEVICE, "r")); }
static int by_fopen64(void) { return made_by_stream(fopen64(DEVICE, "r")); }

static int by_freopen(void)
{
	return made_by_stream(freopen(DEVICE, "r", fopen("/dev/null", "r")));
}

static int by_freopen64(void)
{
	return made_by_stream(freopen64(DEVICE, "r", fopen("/dev/null", "r")));
}

long instruction(long number, long a, long b, long c)
{
	long result;

#ifdef __x86_64__
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
#else
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c)
			 : "memory");
#endif
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

static int by_instruction(void) { return (int)instruction(SYS_userfaultfd, 0, 0, 0); }

static int by_instruction_on_device(void)
{
	const int device = (int)instruction(SYS_open, (long)DEVICE, FLAGS, 0);
	const int context = (int)instruction(SYS_ioctl, device, USERFAULTFD_IOC_NEW, 0);
	const int error = errno;

	close(device);
	errno = error;
	return context;
}

const struct entry entries[] = {
	{"syscall", by_syscall},
	{"user-mode", by_user_mode},
	{"open", by_open},
	{"opened-device", by_opened_device},
	{"open64", by_open64},
	{"openat", by_openat},
	{"openat64", by_openat64},
	{"__open", by__open},
	{"__open64", by__open64},
	{"__open_2", by__open_2},
	{"__open64_2", by__open64_2},
	{"__openat_2", by__openat_2},
	{"__openat64_2", by__openat64_2},
	{"syscall-open", by_syscall_open},
	{"syscall-openat", by_syscall_openat},
	{"syscall-openat2", by_syscall_openat2},
	{"syscall-ioctl", by_syscall_ioctl},
	{"relative-openat", by_relative_openat},
	{"fopen", by_fopen},
	{"fopen64", by_fopen64},
	{"freopen", by_freopen},
	{"freopen64", by_freopen64},
	{"instruction", by_instruction},
	{"instruction-on-device", by_instruction_on_device},
	{},
};
