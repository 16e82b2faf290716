// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER and UFFDIO_UNREGISTER. */
#include "abi.h"

#define MISSING UFFDIO_REGISTER_MODE_MISSING
#define FILLS ((1ull << _UFFDIO_WAKE) | (1ull << _UFFDIO_COPY) | (1ull << _UFFDIO_ZEROPAGE))

TEST_F(context, registration_tells_what_works_on_the_range)
{
	struct uffdio_register arg = {
		.range = { (uintptr_t)self->memory, self->page }, .mode = MISSING,
	};

	ASSERT_EQ(0, call(self->fd, UFFDIO_REGISTER, &arg));
	EXPECT_EQ(FILLS, arg.ioctls & FILLS);
}

TEST_F(context, registration_can_be_repeated_and_widened)
{
	EXPECT_EQ(0, register_missing(self->fd, self->memory, self->half));
	EXPECT_EQ(0, register_missing(self->fd, self->memory, 2 * self->half));
	EXPECT_EQ(0, zero(self->fd, self->memory, 2 * self->half));
}

TEST_F(context, registration_needs_a_known_mode)
{
	EXPECT_EQ(-EINVAL, register_range(self->fd, self->memory, self->page, 0));
	for (int bit = 3; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, register_range(self->fd, self->memory, self->page,
						  MISSING | 1ull << bit));
}

TEST_F(context, registration_needs_a_range_of_whole_pages)
{
	char *const memory = self->memory;
	char *const top = (char *)-self->page;

	EXPECT_EQ(-EINVAL, register_missing(self->fd, memory + 1, self->page));
	EXPECT_EQ(-EINVAL, register_missing(self->fd, memory, 0));
	EXPECT_EQ(-EINVAL, register_missing(self->fd, memory, self->page - 1));
	EXPECT_EQ(-EINVAL, register_missing(self->fd, memory, -(size_t)memory));
	EXPECT_EQ(-EINVAL, register_missing(self->fd, memory, -self->page));
	EXPECT_EQ(-EINVAL, register_missing(self->fd, top, self->page));
}

TEST_F(context, registration_needs_memory)
{
	ASSERT_EQ(0, munmap(self->memory + self->half, self->half));
	EXPECT_EQ(-EINVAL, register_missing(self->fd, self->memory + self->half, self->page));
}

TEST_F(context, registration_needs_an_argument_that_can_be_read)
{
	EXPECT_EQ(-EFAULT, call(self->fd, UFFDIO_REGISTER, NULL));
	EXPECT_EQ(-EFAULT, call(self->fd, UFFDIO_UNREGISTER, NULL));
}

TEST_F(context, registered_memory_is_refused_to_another_context)
{
	const int other = context_new(self->device, O_CLOEXEC);

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, handshake(other, 0));
	EXPECT_EQ(-EBUSY, register_missing(other, self->memory, self->page));
	EXPECT_EQ(0, register_missing(other, self->memory + self->half, self->page));
	EXPECT_EQ(0, unregister_range(self->fd, self->memory, self->page));
	EXPECT_EQ(0, register_missing(other, self->memory, self->page));
}

TEST_F(context, closing_frees_the_memory_for_another_context)
{
	const int other = context_new(self->device, O_CLOEXEC);

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, handshake(other, 0));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, register_missing(other, self->memory, self->half));
}

TEST_F(context, unregistered_memory_is_ordinary_again)
{
	char *const middle = self->memory + 2 * self->page;

	ASSERT_EQ(0, unregister_range(self->fd, middle, self->page));
	EXPECT_EQ(0, *middle);
	*middle = 1;
	EXPECT_EQ(1, *middle);
	EXPECT_EQ(0, zero(self->fd, middle - self->page, self->page));
	EXPECT_EQ(-EEXIST, zero(self->fd, middle - self->page, self->page));
	EXPECT_EQ(-ENOENT, zero(self->fd, middle, self->page));
	EXPECT_EQ(0, zero(self->fd, middle + self->page, self->page));
}

TEST_F(context, unregistering_lets_waiters_go_on)
{
	struct toucher toucher = { .seen = 1 };

	ASSERT_EQ(0, toucher_read(&toucher, self->memory));
	wait_until_fdinfo(self->fd, "pending", 1);
	EXPECT_EQ(0, unregister_range(self->fd, self->memory, self->half));
	EXPECT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(0, toucher.seen);
}

TEST_F(context, unregistering_needs_a_range_of_whole_pages)
{
	EXPECT_EQ(-EINVAL, unregister_range(self->fd, self->memory + 1, self->page));
	EXPECT_EQ(-EINVAL, unregister_range(self->fd, self->memory, 0));
	EXPECT_EQ(-EINVAL, unregister_range(self->fd, self->memory, self->page + 1));
	EXPECT_EQ(-EINVAL, unregister_range(self->fd, self->memory, -self->page));
	EXPECT_EQ(0, unregister_range(self->fd, self->memory + self->half, self->page));
}

/* No program of this width has memory from here on. */
#define BEYOND (sizeof(void *) == 4 ? 1ull << 32 : 1ull << 56)

/* Any command on a range: the structs of those without a mode, or without a result, are shorter. */
static long on_range(int fd, unsigned long command, uint64_t start, uint64_t length)
{
	struct {
		struct uffdio_range range;
		uint64_t mode, result;
	} arg = {
		.range = { start, length },
		.mode = command == UFFDIO_REGISTER ? MISSING : 0,
	};

	return call(fd, command, &arg);
}

/* Of a start or a length of 64 bits no bit may get lost on its way from a program of 32 bits. */
TEST_F(context, ranges_end_with_the_address_space)
{
	static const unsigned long commands[] = {
		UFFDIO_REGISTER, UFFDIO_UNREGISTER, UFFDIO_WAKE, UFFDIO_ZEROPAGE,
		UFFDIO_WRITEPROTECT, UFFDIO_CONTINUE,
	};
	const uint64_t start = (uintptr_t)self->memory, last = BEYOND - self->page;
	const uint64_t source = (uintptr_t)self->source;
	const int fd = self->fd;

	/* In 32 bits the highest bit is set: an address that is extended by its sign would show. */
	if (sizeof(void *) == 4)
		ASSERT_GE(start, 1ull << 31);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		EXPECT_EQ(-EINVAL, on_range(fd, commands[i], BEYOND, self->page));
		EXPECT_EQ(-EINVAL, on_range(fd, commands[i], BEYOND + start, self->page));
		EXPECT_EQ(-EINVAL, on_range(fd, commands[i], last, self->page));
		EXPECT_EQ(-EINVAL, on_range(fd, commands[i], last, 2 * self->page));
		EXPECT_EQ(-EINVAL, on_range(fd, commands[i], start, BEYOND));
		EXPECT_EQ(-EINVAL, on_range(fd, commands[i], start, BEYOND + self->page));
		EXPECT_EQ(-EINVAL, on_range(fd, commands[i], start, -start));
	}
	EXPECT_EQ(-EINVAL, copy_fields(fd, BEYOND + start, source, self->page, 0));
	EXPECT_EQ(-EINVAL, copy_fields(fd, start, source, BEYOND + self->page, 0));
	EXPECT_EQ(0, on_range(fd, UFFDIO_REGISTER, start, self->half));
	EXPECT_EQ(0, on_range(fd, UFFDIO_ZEROPAGE, start, self->page));
	EXPECT_EQ(0, copy_fields(fd, start + self->page, source, self->page, 0));
	EXPECT_EQ(0, on_range(fd, UFFDIO_WAKE, start, self->half));
	EXPECT_EQ(0, on_range(fd, UFFDIO_UNREGISTER, start, self->half));
}

TEST_HARNESS_MAIN
