/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of the ABI, as C makes them: for the tests in C, and for compat/monitors.c.
 */
#ifndef SELFTESTS_ABI_CALLS_H
#define SELFTESTS_ABI_CALLS_H

/* Beside the project its own header is there; in a kernel tree, the kernel's says the same. */
#if __has_include(<linux/userfault.h>)
#include <linux/userfault.h>
#else
#include <linux/userfaultfd.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ioctl() as the kernel answers it: 0 or more, or a negative errno */
static inline long call(int fd, unsigned long command, const void *argument)
{
	const long result = ioctl(fd, command, argument);

	return result < 0 ? -errno : result;
}

static inline ssize_t read_bytes(int fd, void *buffer, size_t size)
{
	const ssize_t result = read(fd, buffer, size);

	return result < 0 ? -errno : result;
}

/* What poll() says at once; it is asked whether there is something to read. */
static inline short events_of(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };

	poll(&entry, 1, 0);
	return entry.revents;
}

static inline long context_new(int device, unsigned long flags)
{
	return call(device, USERFAULTFD_IOC_NEW, (void *)flags);
}

static inline long handshake(int fd, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	return call(fd, UFFDIO_API, &api);
}

static inline long register_range(int fd, void *start, size_t length, uint64_t mode)
{
	struct uffdio_register arg = {
		.range = { (uintptr_t)start, length }, .mode = mode,
	};

	return call(fd, UFFDIO_REGISTER, &arg);
}

static inline long register_missing(int fd, void *start, size_t length)
{
	return register_range(fd, start, length, UFFDIO_REGISTER_MODE_MISSING);
}

static inline long unregister_range(int fd, void *start, size_t length)
{
	struct uffdio_range arg = { (uintptr_t)start, length };

	return call(fd, UFFDIO_UNREGISTER, &arg);
}

static inline long wake(int fd, void *start, size_t length)
{
	struct uffdio_range arg = { (uintptr_t)start, length };

	return call(fd, UFFDIO_WAKE, &arg);
}

/* Any fields, also such as a program of 32 bits has no pointers for */
static inline long copy_fields(int fd, uint64_t to, uint64_t from, uint64_t length, uint64_t mode)
{
	struct uffdio_copy arg = { .dst = to, .src = from, .len = length, .mode = mode };

	return call(fd, UFFDIO_COPY, &arg);
}

static inline long copy_mode(int fd, void *to, const void *from, size_t length, uint64_t mode)
{
	return copy_fields(fd, (uintptr_t)to, (uintptr_t)from, length, mode);
}

static inline long copy(int fd, void *to, const void *from, size_t length)
{
	return copy_mode(fd, to, from, length, 0);
}

static inline long zero_mode(int fd, void *start, size_t length, uint64_t mode)
{
	struct uffdio_zeropage arg = {
		.range = { (uintptr_t)start, length }, .mode = mode,
	};

	return call(fd, UFFDIO_ZEROPAGE, &arg);
}

static inline long zero(int fd, void *start, size_t length)
{
	return zero_mode(fd, start, length, 0);
}

static inline void *map_memory(size_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* No transparent huge pages there. A kernel that has none doesn't know the advice. */
static inline int keep_small(void *start, size_t length)
{
	return madvise(start, length, MADV_NOHUGEPAGE) && errno != EINVAL;
}

/* A number that the context's fdinfo gives, -1 if it gives none */
static inline long fdinfo(int fd, const char *key)
{
	char path[64], line[128], format[32];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(format, sizeof(format), "%s:\t%%ld", key);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &value) == 1)
			break;
	if (file)
		fclose(file);
	return value;
}

/* Waits for as long as the harness lets a test run. */
static inline void wait_until_fdinfo(int fd, const char *key, long value)
{
	while (fdinfo(fd, key) != value)
		sched_yield();
}

/* A thread that reads or writes one byte, and what became of it */
struct toucher {
	pthread_t thread;
	volatile char *address;
	char seen;
	pid_t tid;
};

static inline void *toucher_reads(void *data)
{
	struct toucher *toucher = data;

	toucher->tid = syscall(SYS_gettid);
	toucher->seen = *toucher->address;
	return NULL;
}

static inline void *toucher_writes(void *data)
{
	struct toucher *toucher = data;

	*toucher->address = toucher->seen;
	return NULL;
}

static inline int toucher_read(struct toucher *toucher, char *address)
{
	toucher->address = address;
	return pthread_create(&toucher->thread, NULL, toucher_reads, toucher);
}

static inline int toucher_write(struct toucher *toucher, char *address, char value)
{
	toucher->address = address;
	toucher->seen = value;
	return pthread_create(&toucher->thread, NULL, toucher_writes, toucher);
}

static inline int toucher_join(struct toucher *toucher)
{
	return pthread_join(toucher->thread, NULL);
}

#endif
