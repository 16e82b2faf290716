/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the raw ABI share: abi_*.c, which are C, need nothing but the kernel's own
 * kselftest_harness.h, and run on both devices.
 */
#ifndef SELFTESTS_ABI_H
#define SELFTESTS_ABI_H

#include "abi_calls.h"

/* In a kernel tree the harness is two folders up; the project has it in its cache. */
#if __has_include("../../kselftest_harness.h")
#include "../../kselftest_harness.h"
#else
#include <kselftest_harness.h>
#endif

#define PAGES 16

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
	ASSERT_EQ(0, keep_small(self->memory, 2 * self->half));
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
