// SPDX-License-Identifier: GPL-2.0-only
/* Read-write protection: UFFDIO_RWPROTECT and UFFDIO_SET_MODE. */
#include "abi.h"

#define RWP UFFDIO_REGISTER_MODE_RWP
#define PROTECT UFFDIO_RWPROTECT_MODE_RWP
#define DONTWAKE UFFDIO_RWPROTECT_MODE_DONTWAKE

static long rwprotect(int fd, void *start, size_t length, uint64_t mode)
{
	struct uffdio_rwprotect arg = {
		.range = { (uintptr_t)start, length }, .mode = mode,
	};

	return call(fd, UFFDIO_RWPROTECT, &arg);
}

static long set_mode(int fd, uint64_t enable, uint64_t disable)
{
	struct uffdio_set_mode arg = { .enable = enable, .disable = disable };

	return call(fd, UFFDIO_SET_MODE, &arg);
}

/* A further context, with read-write protection and @features; -1: the kernel has no such thing. */
static int tracking_context(int device, uint64_t features)
{
	const int fd = context_new(device, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || handshake(fd, UFFD_FEATURE_RWP | features)) {
		close(fd);
		return -1;
	}
	return fd;
}

#define TRACK(fd, features)								\
	const int fd = tracking_context(self->device, features);			\
	if (fd < 0)									\
		SKIP(return, "the kernel has no UFFD_FEATURE_RWP")

/* The upper half of the memory, which nobody has registered: the first page is there. */
#define tracked (self->memory + self->half)
#define TRACK_MEMORY(fd)								\
	do {										\
		*tracked = 1;								\
		ASSERT_EQ(0, register_range(fd, tracked, self->half, RWP));		\
		ASSERT_EQ(0, rwprotect(fd, tracked, self->half, PROTECT));		\
	} while (0)

TEST_F(device, read_write_protection_is_offered_as_a_whole_or_not_at_all)
{
	const int fd = context_new(self->device, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, call(fd, UFFDIO_API, &api));
	EXPECT_EQ(!!(api.features & UFFD_FEATURE_RWP), !!(api.features & UFFD_FEATURE_RWP_ASYNC));
	EXPECT_EQ(!!(api.features & UFFD_FEATURE_RWP), api.ioctls >> _UFFDIO_SET_MODE & 1);
}

TEST_F(context, read_write_protection_has_to_be_asked_for)
{
	EXPECT_EQ(-EINVAL, register_range(self->fd, self->memory, self->page, RWP));
	EXPECT_EQ(-EINVAL, set_mode(self->fd, UFFD_FEATURE_RWP_ASYNC, 0));
	EXPECT_GT(0, rwprotect(self->fd, self->memory, self->page, PROTECT));
}

TEST_F(context, an_access_waits_until_it_is_given_back)
{
	struct toucher reader = {}, writer = {};
	struct uffd_msg message;
	TRACK(fd, 0);

	TRACK_MEMORY(fd);
	ASSERT_EQ(0, toucher_read(&reader, tracked));
	wait_until_fdinfo(fd, "pending", 1);
	ASSERT_EQ(sizeof(message), read_bytes(fd, &message, sizeof(message)));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, message.event);
	EXPECT_EQ((uintptr_t)tracked, message.arg.pagefault.address);
	EXPECT_EQ(UFFD_PAGEFAULT_FLAG_RWP, message.arg.pagefault.flags);
	EXPECT_EQ(0, rwprotect(fd, tracked, self->page, 0));
	EXPECT_EQ(0, toucher_join(&reader));
	EXPECT_EQ(1, reader.seen);

	ASSERT_EQ(0, rwprotect(fd, tracked, self->page, PROTECT));
	ASSERT_EQ(0, toucher_write(&writer, tracked, 2));
	wait_until_fdinfo(fd, "pending", 1);
	ASSERT_EQ(sizeof(message), read_bytes(fd, &message, sizeof(message)));
	EXPECT_EQ(UFFD_PAGEFAULT_FLAG_RWP | UFFD_PAGEFAULT_FLAG_WRITE,
		  message.arg.pagefault.flags);
	EXPECT_EQ(0, rwprotect(fd, tracked, self->page, DONTWAKE));
	EXPECT_EQ(0, wake(fd, tracked, self->page));
	EXPECT_EQ(0, toucher_join(&writer));
	EXPECT_EQ(2, *tracked);
}

TEST_F(context, an_access_resolves_itself_if_that_was_asked_for)
{
	TRACK(fd, UFFD_FEATURE_RWP_ASYNC);

	TRACK_MEMORY(fd);
	EXPECT_EQ(1, *tracked);
	*tracked = 2;
	EXPECT_EQ(2, *tracked);
	EXPECT_EQ(0, events_of(fd));
}

TEST_F(context, set_mode_lets_go_on_who_waits_for_access)
{
	struct toucher toucher = {};
	TRACK(fd, 0);

	TRACK_MEMORY(fd);
	ASSERT_EQ(0, toucher_read(&toucher, tracked));
	wait_until_fdinfo(fd, "pending", 1);
	EXPECT_EQ(0, set_mode(fd, UFFD_FEATURE_RWP_ASYNC, 0));
	EXPECT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(1, toucher.seen);
}

TEST_F(context, set_mode_knows_one_feature)
{
	TRACK(fd, 0);

	EXPECT_EQ(0, set_mode(fd, 0, 0));
	EXPECT_EQ(0, set_mode(fd, 0, UFFD_FEATURE_RWP_ASYNC));
	EXPECT_EQ(-EINVAL, set_mode(fd, UFFD_FEATURE_RWP_ASYNC, UFFD_FEATURE_RWP_ASYNC));
	EXPECT_EQ(-EINVAL, set_mode(fd, UFFD_FEATURE_RWP, 0));
	EXPECT_EQ(-EINVAL, set_mode(fd, 0, UFFD_FEATURE_SIGBUS));
	EXPECT_EQ(-EFAULT, call(fd, UFFDIO_SET_MODE, NULL));
}

TEST_F(context, read_write_protection_needs_good_arguments)
{
	TRACK(fd, 0);

	TRACK_MEMORY(fd);
	EXPECT_EQ(-EINVAL, rwprotect(fd, tracked + 1, self->page, PROTECT));
	EXPECT_EQ(-EINVAL, rwprotect(fd, tracked, 0, PROTECT));
	EXPECT_EQ(-EINVAL, rwprotect(fd, tracked, self->page, PROTECT | DONTWAKE));
	EXPECT_EQ(-EINVAL, rwprotect(fd, tracked, self->page, 1ull << 2));
	EXPECT_EQ(-ENOENT, rwprotect(fd, self->memory, self->page, PROTECT));
	EXPECT_EQ(-EFAULT, call(fd, UFFDIO_RWPROTECT, NULL));
}

TEST_F(context, protection_is_given_up_by_unregistering_only)
{
	TRACK(fd, 0);

	TRACK_MEMORY(fd);
	EXPECT_EQ(-EINVAL, register_range(fd, tracked, self->page, RWP | UFFDIO_REGISTER_MODE_WP));
	EXPECT_EQ(-EBUSY, register_missing(fd, tracked, self->page));
	EXPECT_EQ(-EBUSY, register_range(fd, tracked, self->page, UFFDIO_REGISTER_MODE_WP));
	EXPECT_EQ(0, unregister_range(fd, tracked, self->page));
	EXPECT_EQ(1, *tracked);
	EXPECT_EQ(0, register_missing(fd, tracked, self->page));
}

TEST_HARNESS_MAIN
