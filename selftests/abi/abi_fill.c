// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_COPY and UFFDIO_ZEROPAGE. */
#include "abi.h"

static long bytes_copied(int fd, void *to, const void *from, size_t length, long *result)
{
	struct uffdio_copy arg = {
		.dst = (uintptr_t)to, .src = (uintptr_t)from, .len = length,
	};

	*result = call(fd, UFFDIO_COPY, &arg);
	return arg.copy;
}

static long bytes_zeroed(int fd, void *start, size_t length, long *result)
{
	struct uffdio_zeropage arg = { .range = { (uintptr_t)start, length } };

	*result = call(fd, UFFDIO_ZEROPAGE, &arg);
	return arg.zeropage;
}

TEST_F(context, copied_pages_have_the_bytes_of_their_source)
{
	long result;

	EXPECT_EQ((long)self->half,
		  bytes_copied(self->fd, self->memory, self->source, self->half, &result));
	EXPECT_EQ(0, result);
	EXPECT_EQ(0, memcmp(self->memory, self->source, self->half));
	memset(self->memory, 0, self->half);
	EXPECT_EQ(1, self->source[0]);
}

TEST_F(context, copy_takes_a_source_at_any_address)
{
	EXPECT_EQ(0, copy(self->fd, self->memory, self->source + 3, self->page));
	EXPECT_EQ(0, memcmp(self->memory, self->source + 3, self->page));
}

TEST_F(context, copy_stops_at_a_page_that_is_there)
{
	long result;

	ASSERT_EQ(0, copy(self->fd, self->memory + 2 * self->page, self->source, self->page));
	EXPECT_EQ(2 * (long)self->page,
		  bytes_copied(self->fd, self->memory, self->source, self->half, &result));
	EXPECT_EQ(-EAGAIN, result);
	EXPECT_EQ(-EEXIST, bytes_copied(self->fd, self->memory + 2 * self->page,
					self->source, self->page, &result));
	EXPECT_EQ(-EEXIST, result);
	EXPECT_EQ(1, self->memory[2 * self->page]);
	EXPECT_EQ(2, self->memory[self->page]);
}

TEST_F(context, copy_needs_a_source_that_is_there)
{
	long result;

	ASSERT_EQ(0, munmap(self->source + self->page, self->page));
	EXPECT_EQ(-EFAULT, copy(self->fd, self->memory, self->source + self->page, self->page));
	EXPECT_EQ((long)self->page,
		  bytes_copied(self->fd, self->memory, self->source, self->half, &result));
	EXPECT_EQ(-EAGAIN, result);
}

TEST_F(context, copy_needs_registered_memory)
{
	char *const outside = self->memory + self->half;

	EXPECT_EQ(-ENOENT, copy(self->fd, outside, self->source, self->page));
	EXPECT_EQ(-ENOENT, zero(self->fd, outside, self->page));
	ASSERT_EQ(0, munmap(outside, self->half));
	EXPECT_EQ(-ENOENT, copy(self->fd, outside, self->source, self->page));
	EXPECT_EQ(-ENOENT, zero(self->fd, outside, self->page));
}

TEST_F(context, wrong_copies_are_refused_and_fill_nothing)
{
	const int fd = self->fd;
	const uint64_t top = -(uint64_t)self->page;

	EXPECT_EQ(-EINVAL, copy(fd, self->memory + 1, self->source, self->page));
	EXPECT_EQ(-EINVAL, copy(fd, self->memory, self->source, 0));
	EXPECT_EQ(-EINVAL, copy(fd, self->memory, self->source, self->page + 1));
	EXPECT_EQ(-EINVAL, copy(fd, self->memory, self->source, -self->page));
	EXPECT_EQ(-EINVAL, copy_fields(fd, (uintptr_t)self->memory, top, 2 * self->page, 0));
	for (int bit = 2; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, copy_mode(fd, self->memory, self->source, self->page, 1ull << bit));
	EXPECT_EQ(-EFAULT, call(fd, UFFDIO_COPY, NULL));
	EXPECT_EQ(0, zero(fd, self->memory, self->half));
}

TEST_F(context, zeroed_pages_are_zero_and_can_be_written)
{
	long result;

	EXPECT_EQ((long)self->half, bytes_zeroed(self->fd, self->memory, self->half, &result));
	EXPECT_EQ(0, result);
	for (size_t i = 0; i < self->half; i++)
		ASSERT_EQ(0, self->memory[i]);
	memset(self->memory, 7, self->half);
	EXPECT_EQ(7, self->memory[self->half - 1]);
}

TEST_F(context, zeroing_stops_at_a_page_that_is_there)
{
	long result;

	ASSERT_EQ(0, copy(self->fd, self->memory + self->page, self->source, self->page));
	EXPECT_EQ((long)self->page, bytes_zeroed(self->fd, self->memory, self->half, &result));
	EXPECT_EQ(-EAGAIN, result);
	EXPECT_EQ(-EEXIST, bytes_zeroed(self->fd, self->memory + self->page, self->page, &result));
	EXPECT_EQ(-EEXIST, result);
	EXPECT_EQ(1, self->memory[self->page]);
}

TEST_F(context, wrong_zeroings_are_refused_and_fill_nothing)
{
	const int fd = self->fd;

	EXPECT_EQ(-EINVAL, zero(fd, self->memory + 1, self->page));
	EXPECT_EQ(-EINVAL, zero(fd, self->memory, 0));
	EXPECT_EQ(-EINVAL, zero(fd, self->memory, self->page + 1));
	EXPECT_EQ(-EINVAL, zero(fd, self->memory, -self->page));
	for (int bit = 1; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, zero_mode(fd, self->memory, self->page, 1ull << bit));
	EXPECT_EQ(-EFAULT, call(fd, UFFDIO_ZEROPAGE, NULL));
	EXPECT_EQ(0, copy(fd, self->memory, self->source, self->half));
}

TEST_F(context, dropped_page_can_be_filled_again)
{
	ASSERT_EQ(0, copy(self->fd, self->memory, self->source, self->page));
	ASSERT_EQ(0, madvise(self->memory, self->page, MADV_DONTNEED));
	EXPECT_EQ(0, copy(self->fd, self->memory, self->source + self->page, self->page));
	EXPECT_EQ(2, self->memory[0]);
}

TEST_HARNESS_MAIN
