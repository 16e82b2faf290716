// SPDX-License-Identifier: GPL-2.0-only
/* The device, a new context, and UFFDIO_API. */
#include "abi.h"

#define EVERY_FLAG (O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY)

TEST_F(device, makes_contexts_with_the_flags_asked_for)
{
	const int fd = context_new(self->device, EVERY_FLAG);
	const int plain = context_new(self->device, 0);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDONLY | O_NONBLOCK, fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
	ASSERT_GE(plain, 0);
	EXPECT_EQ(0, fcntl(plain, F_GETFD));
	EXPECT_EQ(0, fcntl(plain, F_GETFL) & O_NONBLOCK);
}

TEST_F(device, refuses_any_other_flag)
{
	for (int bit = 0; bit < 32; bit++)
		if (!((1u << bit) & EVERY_FLAG))
			EXPECT_EQ(-EINVAL, context_new(self->device, 1u << bit));
}

TEST_F(device, knows_no_other_command)
{
	EXPECT_EQ(-EINVAL, call(self->device, _IO(USERFAULTFD_IOC, 1), NULL));
	EXPECT_EQ(-EINVAL, call(self->device, UFFDIO_API, NULL));
	EXPECT_EQ(-EINVAL, read_bytes(self->device, &(char){ 0 }, 1));
}

TEST_F(device, handshake_tells_of_features_and_commands)
{
	const int fd = context_new(self->device, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, call(fd, UFFDIO_API, &api));
	EXPECT_EQ(UFFD_API, api.api);
	EXPECT_TRUE(!!(api.features & UFFD_FEATURE_SIGBUS));
	EXPECT_TRUE(!!(api.features & UFFD_FEATURE_THREAD_ID));
	EXPECT_EQ((1ull << _UFFDIO_REGISTER) | (1ull << _UFFDIO_UNREGISTER) |
		  (api.features & UFFD_FEATURE_RWP ? 1ull << _UFFDIO_SET_MODE : 0) |
		  (1ull << _UFFDIO_API), api.ioctls);
}

/*
 * Each offered feature can be asked for alone, but RWP_ASYNC, which takes RWP; and nothing that
 * isn't offered can.
 */
TEST_F(device, handshake_grants_what_is_offered_and_nothing_else)
{
	const int probe = context_new(self->device, O_CLOEXEC);
	struct uffdio_api offer = { .api = UFFD_API };

	ASSERT_GE(probe, 0);
	ASSERT_EQ(0, call(probe, UFFDIO_API, &offer));
	for (int bit = 0; bit < 64; bit++) {
		const int fd = context_new(self->device, O_CLOEXEC);
		const bool alone = (1ull << bit) != UFFD_FEATURE_RWP_ASYNC;
		const bool granted = alone && offer.features & (1ull << bit);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(granted ? 0 : -EINVAL, handshake(fd, 1ull << bit)) {
			TH_LOG("feature bit %d", bit);
		}
		close(fd);
	}
}

TEST_F(device, failed_handshake_clears_its_argument_and_can_be_repeated)
{
	const int fd = context_new(self->device, O_CLOEXEC);
	const struct uffdio_api cleared = {};
	struct uffdio_api api = { .api = UFFD_API + 1, .ioctls = 1 };

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EINVAL, call(fd, UFFDIO_API, &api));
	EXPECT_EQ(0, memcmp(&api, &cleared, sizeof(api)));
	EXPECT_EQ(-EINVAL, handshake(fd, 1ull << 63));
	EXPECT_EQ(0, handshake(fd, 0));
}

TEST_F(device, second_handshake_is_refused)
{
	const int fd = context_new(self->device, O_CLOEXEC);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, handshake(fd, 0));
	EXPECT_EQ(-EINVAL, handshake(fd, 0));
}

TEST_F(device, handshake_needs_an_argument_that_can_be_read_and_written)
{
	const int fd = context_new(self->device, O_CLOEXEC);
	struct uffdio_api *read_only = map_memory(sysconf(_SC_PAGESIZE));

	ASSERT_GE(fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)read_only);
	EXPECT_EQ(-EFAULT, call(fd, UFFDIO_API, NULL));
	read_only->api = UFFD_API;
	ASSERT_EQ(0, mprotect(read_only, sysconf(_SC_PAGESIZE), PROT_READ));
	EXPECT_EQ(-EFAULT, call(fd, UFFDIO_API, read_only));
}

TEST_F(device, nothing_works_before_the_handshake)
{
	const int fd = context_new(self->device, O_CLOEXEC | O_NONBLOCK);
	const size_t page = sysconf(_SC_PAGESIZE);
	char *memory = map_memory(page), *source = map_memory(page);
	struct uffd_msg message;

	ASSERT_GE(fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)memory);
	ASSERT_NE(MAP_FAILED, (void *)source);
	EXPECT_EQ(-EINVAL, register_missing(fd, memory, page));
	EXPECT_EQ(-EINVAL, unregister_range(fd, memory, page));
	EXPECT_EQ(-EINVAL, wake(fd, memory, page));
	EXPECT_EQ(-EINVAL, copy(fd, memory, source, page));
	EXPECT_EQ(-EINVAL, zero(fd, memory, page));
	EXPECT_EQ(-EINVAL, read_bytes(fd, &message, sizeof(message)));
	EXPECT_EQ(POLLERR, events_of(fd));
}

TEST_F(device, context_knows_no_other_command)
{
	const int fd = context_new(self->device, O_CLOEXEC);
	char argument[256] = {};

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, handshake(fd, 0));
	EXPECT_EQ(-EINVAL, call(fd, _IOWR(UFFDIO, 0x1f, struct uffdio_api), argument));
	EXPECT_EQ(-EINVAL, call(fd, _IOWR(UFFDIO + 1, _UFFDIO_API, struct uffdio_api), argument));
}

TEST_HARNESS_MAIN
