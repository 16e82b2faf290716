// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_WRITEPROTECT, UFFDIO_CONTINUE, UFFDIO_POISON and UFFDIO_MOVE; shmem and hugetlb. */
#include "abi.h"

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#define HUGE_PAGE (2ul << 20)
#define HUGE_POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

#define EVERY_MODE \
	(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR)

static long writeprotect(int fd, void *start, size_t length, uint64_t mode)
{
	struct uffdio_writeprotect arg = {
		.range = { (uintptr_t)start, length }, .mode = mode,
	};

	return call(fd, UFFDIO_WRITEPROTECT, &arg);
}

static long protect(int fd, void *start, size_t length)
{
	return writeprotect(fd, start, length, UFFDIO_WRITEPROTECT_MODE_WP);
}

/* These give the result of the call, and in @done what is in the last field. */
static long continue_mode(int fd, void *start, size_t length, uint64_t mode, long *done)
{
	struct uffdio_continue arg = {
		.range = { (uintptr_t)start, length }, .mode = mode,
	};
	const long result = call(fd, UFFDIO_CONTINUE, &arg);

	*done = arg.mapped;
	return result;
}

static long poison_mode(int fd, void *start, size_t length, uint64_t mode, long *done)
{
	struct uffdio_poison arg = {
		.range = { (uintptr_t)start, length }, .mode = mode,
	};
	const long result = call(fd, UFFDIO_POISON, &arg);

	*done = arg.updated;
	return result;
}

static long move_mode(int fd, void *to, void *from, size_t length, uint64_t mode, long *done)
{
	struct uffdio_move arg = {
		.dst = (uintptr_t)to, .src = (uintptr_t)from, .len = length, .mode = mode,
	};
	const long result = call(fd, UFFDIO_MOVE, &arg);

	*done = arg.move;
	return result;
}

/* The features that the context's device offers */
static uint64_t offered(const FIXTURE_DATA(context) *self)
{
	const int fd = context_new(self->device, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };

	if (fd < 0 || call(fd, UFFDIO_API, &api))
		return 0;
	close(fd);
	return api.features;
}

#define NEED(feature)									\
	do {										\
		if (!(offered(self) & (feature)))					\
			SKIP(return, "the kernel has no " #feature);			\
	} while (0)

/* A shared mapping of a new file of @size bytes; @other is another, that stays unregistered. */
static char *map_file(unsigned int flags, size_t size, char **other)
{
	const int file = memfd_create("abi_pages", MFD_CLOEXEC | flags);
	char *memory;

	if (file < 0 || ftruncate(file, size))
		return MAP_FAILED;
	*other = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	return *other == MAP_FAILED ? MAP_FAILED : memory;
}

/* The pagemap's word on whether a page is write-protected */
static bool is_protected(const char *page)
{
	const int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(file, &entry, sizeof(entry), (uintptr_t)page / getpagesize() * sizeof(entry)) !=
	    sizeof(entry))
		entry = 0;
	close(file);
	return entry >> 57 & 1;
}

/* The signal that ends a child that reads the byte, 0 if none does */
static int signal_of_reading(const volatile char *byte)
{
	const pid_t child = fork();
	int status;

	if (!child) {
		(void)*byte;
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_F(context, write_to_a_protected_page_is_told_and_waits)
{
	struct toucher toucher = {};
	struct uffd_msg message;

	ASSERT_EQ(0, register_range(self->fd, self->memory, self->half,
				    UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
	ASSERT_EQ(0, copy(self->fd, self->memory, self->source, self->half));
	ASSERT_EQ(0, protect(self->fd, self->memory + self->page, self->page));
	EXPECT_TRUE(is_protected(self->memory + self->page));
	self->memory[0] = 42;
	ASSERT_EQ(0, toucher_write(&toucher, self->memory + self->page, 42));
	wait_until_fdinfo(self->fd, "pending", 1);
	ASSERT_EQ((ssize_t)sizeof(message), read_bytes(self->fd, &message, sizeof(message)));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, message.event);
	EXPECT_EQ(UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE,
		  (long)message.arg.pagefault.flags);
	EXPECT_EQ((uintptr_t)self->memory + self->page, (uintptr_t)message.arg.pagefault.address);
	EXPECT_EQ(2, self->memory[self->page]);
	EXPECT_EQ(0, writeprotect(self->fd, self->memory, self->half, 0));
	EXPECT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(42, self->memory[self->page]);
	EXPECT_FALSE(is_protected(self->memory + self->page));
}

TEST_F(context, page_is_protected_from_the_start_on_request)
{
	ASSERT_EQ(0, register_range(self->fd, self->memory, self->half,
				    UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
	ASSERT_EQ(0, copy_mode(self->fd, self->memory, self->source, self->page,
			       UFFDIO_COPY_MODE_WP));
	EXPECT_TRUE(is_protected(self->memory));
	EXPECT_EQ(1, self->memory[0]);
}

TEST_F(context, wrong_protections_are_refused)
{
	const int fd = self->fd;
	char *const memory = self->memory;

	/* Not registered for that yet */
	EXPECT_EQ(-ENOENT, protect(fd, memory, self->page));
	EXPECT_EQ(-EINVAL, copy_mode(fd, memory, self->source, self->page, UFFDIO_COPY_MODE_WP));
	ASSERT_EQ(0, register_range(fd, memory, self->half, UFFDIO_REGISTER_MODE_WP));
	EXPECT_EQ(-EINVAL, protect(fd, memory + 1, self->page));
	EXPECT_EQ(-EINVAL, protect(fd, memory, 0));
	EXPECT_EQ(-EINVAL, protect(fd, memory, self->page + 1));
	EXPECT_EQ(-EINVAL, protect(fd, memory, -self->page));
	EXPECT_EQ(-EINVAL, writeprotect(fd, memory, self->page,
					UFFDIO_WRITEPROTECT_MODE_WP |
						UFFDIO_WRITEPROTECT_MODE_DONTWAKE));
	for (int bit = 2; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, writeprotect(fd, memory, self->page, 1ull << bit));
	EXPECT_EQ(-EFAULT, call(fd, UFFDIO_WRITEPROTECT, NULL));
	EXPECT_EQ(0, protect(fd, memory, self->half));
}

TEST_F(context, page_of_shmem_is_told_as_minor_and_continued)
{
	struct toucher toucher = {};
	struct uffd_msg message;
	char *other, *memory;
	long done;

	NEED(UFFD_FEATURE_MINOR_SHMEM);
	memory = map_file(0, self->half, &other);
	ASSERT_NE(MAP_FAILED, (void *)memory);
	ASSERT_EQ(0, register_range(self->fd, memory, self->half, UFFDIO_REGISTER_MODE_MINOR));
	memset(other, 7, 2 * self->page);
	ASSERT_EQ(0, toucher_read(&toucher, memory));
	wait_until_fdinfo(self->fd, "pending", 1);
	ASSERT_EQ((ssize_t)sizeof(message), read_bytes(self->fd, &message, sizeof(message)));
	EXPECT_EQ(UFFD_PAGEFAULT_FLAG_MINOR, (long)message.arg.pagefault.flags);
	EXPECT_EQ((uintptr_t)memory, (uintptr_t)message.arg.pagefault.address);
	/* The file has two pages */
	EXPECT_EQ(-EAGAIN, continue_mode(self->fd, memory, self->half, 0, &done));
	EXPECT_EQ(2 * (long)self->page, done);
	EXPECT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(7, toucher.seen);
	EXPECT_EQ(-EEXIST, continue_mode(self->fd, memory, self->page, 0, &done));
	EXPECT_EQ(-EEXIST, done);
	EXPECT_EQ(-EFAULT, continue_mode(self->fd, memory + 2 * self->page, self->page, 0, &done));
	EXPECT_EQ(-EFAULT, done);
}

TEST_F(context, wrong_continues_are_refused)
{
	char *other, *memory;
	long done;

	NEED(UFFD_FEATURE_MINOR_SHMEM);
	memory = map_file(0, self->half, &other);
	ASSERT_NE(MAP_FAILED, (void *)memory);
	EXPECT_EQ(-ENOENT, continue_mode(self->fd, memory, self->page, 0, &done));
	ASSERT_EQ(0, register_range(self->fd, memory, self->half, UFFDIO_REGISTER_MODE_MINOR));
	memset(other, 7, self->half);
	EXPECT_EQ(-EINVAL, continue_mode(self->fd, memory + 1, self->page, 0, &done));
	EXPECT_EQ(-EINVAL, continue_mode(self->fd, memory, 0, 0, &done));
	EXPECT_EQ(-EINVAL, continue_mode(self->fd, memory, -self->page, 0, &done));
	for (int bit = 2; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, continue_mode(self->fd, memory, self->page, 1ull << bit, &done));
	/* Private anonymous memory has no file */
	EXPECT_EQ(-EINVAL, continue_mode(self->fd, self->memory, self->page, 0, &done));
	EXPECT_EQ(-EFAULT, call(self->fd, UFFDIO_CONTINUE, NULL));
	EXPECT_EQ(0, continue_mode(self->fd, memory, self->half, 0, &done));
	EXPECT_EQ((long)self->half, done);
}

TEST_F(context, page_of_shmem_is_filled_for_everybody)
{
	char *other, *memory;

	NEED(UFFD_FEATURE_MISSING_SHMEM);
	memory = map_file(0, self->half, &other);
	ASSERT_NE(MAP_FAILED, (void *)memory);
	ASSERT_EQ(0, register_missing(self->fd, memory, self->half));
	EXPECT_EQ(0, copy(self->fd, memory, self->source, self->half));
	EXPECT_EQ(0, memcmp(other, self->source, self->half));
	EXPECT_EQ(-EEXIST, zero(self->fd, memory, self->page));
}

TEST_F(context, poisoned_page_is_a_signal_until_it_is_dropped)
{
	long done;

	NEED(UFFD_FEATURE_POISON);
	ASSERT_EQ(0, zero(self->fd, self->memory + 2 * self->page, self->page));
	EXPECT_EQ(-EAGAIN, poison_mode(self->fd, self->memory, self->half, 0, &done));
	EXPECT_EQ(2 * (long)self->page, done);
	EXPECT_EQ(-EEXIST, poison_mode(self->fd, self->memory, self->page, 0, &done));
	EXPECT_EQ(-EEXIST, done);
	EXPECT_EQ(SIGBUS, signal_of_reading(self->memory));
	EXPECT_EQ(0, signal_of_reading(self->memory + 2 * self->page));
	ASSERT_EQ(0, madvise(self->memory, self->page, MADV_DONTNEED));
	EXPECT_EQ(0, zero(self->fd, self->memory, self->page));
	EXPECT_EQ(0, signal_of_reading(self->memory));
}

static sigjmp_buf before_the_read;
static siginfo_t signal_taken;

static void take_signal(int number, siginfo_t *info, void *registers)
{
	(void)number;
	(void)registers;
	signal_taken = *info;
	siglongjmp(before_the_read, 1);
}

TEST_F(context, signal_of_a_poisoned_page_says_where_and_why)
{
	const struct sigaction action = { .sa_sigaction = take_signal, .sa_flags = SA_SIGINFO };
	const volatile char *const byte = self->memory + 2 * self->page + 5;
	long done;

	NEED(UFFD_FEATURE_POISON);
	ASSERT_EQ(0, poison_mode(self->fd, self->memory, self->half, 0, &done));
	ASSERT_EQ(0, sigaction(SIGBUS, &action, NULL));
	if (!sigsetjmp(before_the_read, 1))
		(void)*byte;
	EXPECT_EQ(SIGBUS, signal_taken.si_signo);
	EXPECT_EQ(BUS_MCEERR_AR, signal_taken.si_code);
	EXPECT_EQ((uintptr_t)byte, (uintptr_t)signal_taken.si_addr);
}

TEST_F(context, wrong_poisonings_are_refused)
{
	char *const outside = self->memory + self->half;
	long done;

	NEED(UFFD_FEATURE_POISON);
	EXPECT_EQ(-ENOENT, poison_mode(self->fd, outside, self->page, 0, &done));
	EXPECT_EQ(-EINVAL, poison_mode(self->fd, self->memory + 1, self->page, 0, &done));
	EXPECT_EQ(-EINVAL, poison_mode(self->fd, self->memory, 0, 0, &done));
	EXPECT_EQ(-EINVAL, poison_mode(self->fd, self->memory, -self->page, 0, &done));
	for (int bit = 1; bit < 64; bit++)
		EXPECT_EQ(-EINVAL,
			  poison_mode(self->fd, self->memory, self->page, 1ull << bit, &done));
	EXPECT_EQ(-EFAULT, call(self->fd, UFFDIO_POISON, NULL));
	EXPECT_EQ(0, zero(self->fd, self->memory, self->half));
}

TEST_F(context, moved_pages_are_there_and_no_more_here)
{
	long done;

	NEED(UFFD_FEATURE_MOVE);
	ASSERT_EQ(0, keep_small(self->source, self->half));
	EXPECT_EQ(0, move_mode(self->fd, self->memory, self->source, 2 * self->page, 0, &done));
	EXPECT_EQ(2 * (long)self->page, done);
	EXPECT_EQ(1, self->memory[0]);
	EXPECT_EQ(2, self->memory[2 * self->page - 1]);
	EXPECT_EQ(0, self->source[0]);
	EXPECT_EQ(0, self->source[self->page]);
	EXPECT_EQ(3, self->source[2 * self->page]);
}

TEST_F(context, moving_stops_where_it_can_not_go_on)
{
	char *const source = self->source;
	long done;

	NEED(UFFD_FEATURE_MOVE);
	ASSERT_EQ(0, keep_small(source, self->half));
	ASSERT_EQ(0, madvise(source + self->page, self->page, MADV_DONTNEED));
	EXPECT_EQ(-EAGAIN, move_mode(self->fd, self->memory, source, 3 * self->page, 0, &done));
	EXPECT_EQ((long)self->page, done);
	EXPECT_EQ(-ENOENT, move_mode(self->fd, self->memory + self->page, source + self->page,
				     self->page, 0, &done));
	EXPECT_EQ(-ENOENT, done);
	EXPECT_EQ(-EEXIST, move_mode(self->fd, self->memory, source + 2 * self->page, self->page, 0,
				     &done));
	EXPECT_EQ(-EEXIST, done);
	EXPECT_EQ(0, move_mode(self->fd, self->memory + self->page, source + self->page,
			       2 * self->page, UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES, &done));
	EXPECT_EQ(2 * (long)self->page, done);
	EXPECT_EQ(3, self->memory[2 * self->page]);
}

TEST_F(context, wrong_moves_are_refused)
{
	const int fd = self->fd;
	char *const memory = self->memory, *const source = self->source;
	char *const outside = memory + self->half;
	long done;

	NEED(UFFD_FEATURE_MOVE);
	EXPECT_EQ(-EINVAL, move_mode(fd, memory + 1, source, self->page, 0, &done));
	EXPECT_EQ(-EINVAL, move_mode(fd, memory, source + 1, self->page, 0, &done));
	EXPECT_EQ(-EINVAL, move_mode(fd, memory, source, 0, 0, &done));
	EXPECT_EQ(-EINVAL, move_mode(fd, memory, source, -self->page, 0, &done));
	EXPECT_EQ(-EINVAL, move_mode(fd, outside, source, self->page, 0, &done));
	for (int bit = 2; bit < 64; bit++)
		EXPECT_EQ(-EINVAL, move_mode(fd, memory, source, self->page, 1ull << bit, &done));
	EXPECT_EQ(-EFAULT, call(fd, UFFDIO_MOVE, NULL));
	EXPECT_EQ(1, source[0]);
}

/* Adds @count to the pool, or takes them away again; whether the pool is of that size now */
static bool add_huge_pages(long count)
{
	FILE *pool = fopen(HUGE_POOL, "r+");
	long before, after = -1;

	if (!pool)
		return false;
	if (fscanf(pool, "%ld", &before) == 1) {
		rewind(pool);
		fprintf(pool, "%ld\n", before + count);
		fflush(pool);
		rewind(pool);
		if (fscanf(pool, "%ld", &after) != 1)
			after = -1;
	}
	fclose(pool);
	return after >= 0 && after == before + count;
}

TEST_F(context, huge_page_is_continued_and_protected_whole)
{
	char *other, *memory;
	long done;

	NEED(UFFD_FEATURE_MINOR_HUGETLBFS);
	if (!add_huge_pages(1))
		SKIP(return, "no huge page can be had");
	memory = map_file(MFD_HUGETLB, HUGE_PAGE, &other);
	ASSERT_NE(MAP_FAILED, (void *)memory);
	ASSERT_EQ(0, register_range(self->fd, memory, HUGE_PAGE, EVERY_MODE));
	EXPECT_EQ(-EINVAL, continue_mode(self->fd, memory, self->page, 0, &done));
	EXPECT_EQ(-EFAULT, continue_mode(self->fd, memory, HUGE_PAGE, 0, &done));
	EXPECT_EQ(-EFAULT, done);
	other[HUGE_PAGE - 1] = 7;
	EXPECT_EQ(0, continue_mode(self->fd, memory, HUGE_PAGE, 0, &done));
	EXPECT_EQ((long)HUGE_PAGE, done);
	EXPECT_EQ(7, memory[HUGE_PAGE - 1]);
	EXPECT_EQ(-EINVAL, protect(self->fd, memory, self->page));
	EXPECT_EQ(0, protect(self->fd, memory, HUGE_PAGE));
	EXPECT_TRUE(is_protected(memory));
	EXPECT_EQ(-EINVAL, zero(self->fd, memory, HUGE_PAGE));
	munmap(memory, HUGE_PAGE);
	munmap(other, HUGE_PAGE);
	EXPECT_TRUE(add_huge_pages(-1));
}

TEST_HARNESS_MAIN
