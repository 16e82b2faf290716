/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the raw ABI share: abi_*.c, which are C, need nothing but the kernel's own
 * kselftest_harness.h, and run on both devices.
 */
#ifndef SELFTESTS_ABI_H
#define SELFTESTS_ABI_H

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

#include "../kselftest_harness.h"

#define PAGES 16

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

static inline long copy_mode(int fd, void *to, const void *from, size_t length, uint64_t mode)
{
	struct uffdio_copy arg = {
		.dst = (uintptr_t)to, .src = (uintptr_t)from, .len = length, .mode = mode,
	};

	return call(fd, UFFDIO_COPY, &arg);
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

/* One of the two devices, open */
FIXTURE(device) {
	int device;
};

FIXTURE_VARIANT(device) {
	const char *path;
};

FIXTURE_VARIANT_ADD(device, module) {
	.path = "/dev/userfault",
};

FIXTURE_VARIANT_ADD(device, native) {
	.path = "/dev/userfaultfd",
};

FIXTURE_SETUP(device)
{
	self->device = open(variant->path, O_RDWR | O_CLOEXEC);
	if (self->device < 0 && (errno == ENOENT || errno == EACCES))
		SKIP(return, "%s: %s", variant->path, strerror(errno));
	ASSERT_GE(self->device, 0);
}

FIXTURE_TEARDOWN(device)
{
	if (self->device >= 0)
		close(self->device);
}

/*
 * A context without features that doesn't block, and memory of which it has registered the lower
 * half
 */
FIXTURE(context) {
	int device;
	int fd;
	size_t page;
	size_t half;		/* of the memory, in bytes */
	char *memory;
	char *source;		/* as large as the memory, each page full of its number + 1 */
};

FIXTURE_VARIANT(context) {
	const char *path;
};

FIXTURE_VARIANT_ADD(context, module) {
	.path = "/dev/userfault",
};

FIXTURE_VARIANT_ADD(context, native) {
	.path = "/dev/userfaultfd",
};

FIXTURE_SETUP(context)
{
	self->fd = -1;
	self->device = open(variant->path, O_RDWR | O_CLOEXEC);
	if (self->device < 0 && (errno == ENOENT || errno == EACCES))
		SKIP(return, "%s: %s", variant->path, strerror(errno));
	ASSERT_GE(self->device, 0);
	self->fd = context_new(self->device, O_CLOEXEC | O_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, handshake(self->fd, 0));

	self->page = sysconf(_SC_PAGESIZE);
	self->half = PAGES / 2 * self->page;
	self->memory = map_memory(2 * self->half);
	ASSERT_NE(MAP_FAILED, (void *)self->memory);
	ASSERT_EQ(0, madvise(self->memory, 2 * self->half, MADV_NOHUGEPAGE));
	self->source = map_memory(2 * self->half);
	ASSERT_NE(MAP_FAILED, (void *)self->source);
	for (int i = 0; i < PAGES; i++)
		memset(self->source + i * self->page, i + 1, self->page);
	ASSERT_EQ(0, register_missing(self->fd, self->memory, self->half));
}

FIXTURE_TEARDOWN(context)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->device >= 0)
		close(self->device);
}

#endif
