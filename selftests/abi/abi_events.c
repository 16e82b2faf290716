// SPDX-License-Identifier: GPL-2.0-only
/* Events: mappings that change, and how that is told. */
#include "abi.h"

#include <sys/wait.h>

/* A thread that changes mappings, and what came of it */
struct changer {
	pthread_t thread;
	long (*change)(struct changer *changer);
	char *start, *target;
	size_t length;
	long result;
};

static void *changer_changes(void *data)
{
	struct changer *changer = data;

	changer->result = changer->change(changer);
	return NULL;
}

static long drops(struct changer *changer)
{
	return madvise(changer->start, changer->length, MADV_DONTNEED);
}

static long unmaps(struct changer *changer)
{
	return munmap(changer->start, changer->length);
}

static long moves(struct changer *changer)
{
	void *const moved = mremap(changer->start, changer->length, changer->length,
				   MREMAP_MAYMOVE | MREMAP_FIXED, changer->target);

	return moved == changer->target ? 0 : -1;
}

/*
 * As the kernel does it, without what the library does about threads. Returns what the child has
 * found in the first byte, if there is one to read.
 */
static long forks(struct changer *changer)
{
	const pid_t child = syscall(SYS_fork);
	int status;

	if (!child)
		_exit(changer->start ? *(volatile char *)changer->start : 0);
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Starts the change of @length bytes from @start on, and waits until that can be read. */
static int change_begin(struct changer *changer, int fd, long (*change)(struct changer *changer),
			char *start, size_t length)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };

	changer->change = change;
	changer->start = start;
	changer->length = length;
	changer->result = -1;
	if (pthread_create(&changer->thread, NULL, changer_changes, changer))
		return -1;
	return poll(&entry, 1, -1) == 1 && entry.revents == POLLIN ? 0 : -1;
}

static long change_end(struct changer *changer)
{
	return pthread_join(changer->thread, NULL) ? -1 : changer->result;
}

/* A context with @features that has registered the upper half of the memory, or a negative errno */
static int told_of(const FIXTURE_DATA(context) *self, uint64_t features)
{
	const int fd = context_new(self->device, O_CLOEXEC | O_NONBLOCK);
	long result;

	if (fd < 0)
		return fd;
	result = handshake(fd, features);
	if (!result)
		result = register_missing(fd, self->memory + self->half, self->half);
	if (!result)
		return fd;
	close(fd);
	return result;
}

/* The next message, over bytes that it has to replace */
static ssize_t next(int fd, struct uffd_msg *message)
{
	memset(message, 0xff, sizeof(*message));
	return read_bytes(fd, message, sizeof(*message));
}

TEST_F(context, dropping_is_told_before_it_is_done)
{
	const int fd = told_of(self, UFFD_FEATURE_EVENT_REMOVE);
	char *const start = self->memory + self->half;
	struct uffd_msg message, expected = {
		.event = UFFD_EVENT_REMOVE,
		.arg.remove = { (uintptr_t)start, (uintptr_t)start + 2 * self->page },
	};
	struct changer changer;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, copy(fd, start, self->source, self->half));
	ASSERT_EQ(0, change_begin(&changer, fd, drops, start, 2 * self->page));
	EXPECT_EQ(1, start[0]);
	EXPECT_EQ(-EAGAIN, copy(fd, start, self->source, self->page));
	EXPECT_EQ(-EAGAIN, zero(fd, start, self->page));
	ASSERT_EQ((ssize_t)sizeof(message), next(fd, &message));
	EXPECT_EQ(0, memcmp(&message, &expected, sizeof(message)));
	EXPECT_EQ(0, change_end(&changer));
	EXPECT_EQ(-EAGAIN, next(fd, &message));
	EXPECT_EQ(0, copy(fd, start, self->source + self->page, self->page));
	EXPECT_EQ(2, start[0]);
	EXPECT_EQ(3, start[2 * self->page]);
}

TEST_F(context, unmapping_is_told)
{
	const int fd = told_of(self, UFFD_FEATURE_EVENT_UNMAP);
	char *const start = self->memory + self->half;
	struct uffd_msg message, expected = {
		.event = UFFD_EVENT_UNMAP,
		.arg.remove = { (uintptr_t)start, (uintptr_t)start + self->page },
	};
	struct changer changer;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, change_begin(&changer, fd, unmaps, start, self->page));
	EXPECT_EQ(-EAGAIN, copy(fd, start + self->page, self->source, self->page));
	ASSERT_EQ((ssize_t)sizeof(message), next(fd, &message));
	EXPECT_EQ(0, memcmp(&message, &expected, sizeof(message)));
	EXPECT_EQ(0, change_end(&changer));
	EXPECT_EQ(-ENOENT, copy(fd, start, self->source, self->page));
	EXPECT_EQ(0, copy(fd, start + self->page, self->source, self->page));
}

TEST_F(context, moved_mapping_is_told_and_stays_registered)
{
	const int fd = told_of(self, UFFD_FEATURE_EVENT_REMAP);
	char *const start = self->memory + self->half;
	char *const target = map_memory(self->page);
	struct uffd_msg message, expected = {
		.event = UFFD_EVENT_REMAP,
		.arg.remap = { (uintptr_t)start, (uintptr_t)target, self->page },
	};
	struct changer changer = { .target = target };

	ASSERT_GE(fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)target);
	ASSERT_EQ(0, change_begin(&changer, fd, moves, start, self->page));
	ASSERT_EQ((ssize_t)sizeof(message), next(fd, &message));
	EXPECT_EQ(0, memcmp(&message, &expected, sizeof(message)));
	EXPECT_EQ(0, change_end(&changer));
	EXPECT_EQ(-ENOENT, copy(fd, start, self->source, self->page));
	EXPECT_EQ(0, copy(fd, target, self->source, self->page));
	EXPECT_EQ(1, target[0]);
}

TEST_F(context, fork_brings_a_context_of_the_child)
{
	const int fd = told_of(self, UFFD_FEATURE_EVENT_FORK);
	struct uffd_msg message, expected = { .event = UFFD_EVENT_FORK };
	struct changer changer;
	int child;

	if (fd == -EPERM)
		SKIP(return, "forks are only told to those who may trace others");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, change_begin(&changer, fd, forks, NULL, 0));
	ASSERT_EQ((ssize_t)sizeof(message), next(fd, &message));
	child = message.arg.fork.ufd;
	expected.arg.fork.ufd = child;
	EXPECT_EQ(0, memcmp(&message, &expected, sizeof(message)));
	EXPECT_EQ(O_NONBLOCK, fcntl(child, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(FD_CLOEXEC, fcntl(child, F_GETFD));
	/* It has made its handshake */
	EXPECT_EQ(-EINVAL, handshake(child, 0));
	EXPECT_EQ(0, close(child));
	EXPECT_EQ(0, change_end(&changer));
}

TEST_F(context, fault_of_the_child_is_told_through_its_context)
{
	const int fd = told_of(self, UFFD_FEATURE_EVENT_FORK);
	char *const start = self->memory + self->half;
	struct pollfd child = { .events = POLLIN };
	struct uffd_msg message;
	struct changer changer;

	if (fd == -EPERM)
		SKIP(return, "forks are only told to those who may trace others");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, change_begin(&changer, fd, forks, start, self->page));
	ASSERT_EQ((ssize_t)sizeof(message), next(fd, &message));
	child.fd = message.arg.fork.ufd;
	ASSERT_EQ(1, poll(&child, 1, -1));
	ASSERT_EQ((ssize_t)sizeof(message), next(child.fd, &message));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, message.event);
	EXPECT_EQ((uintptr_t)start, (uintptr_t)message.arg.pagefault.address);
	EXPECT_EQ(0, copy(child.fd, start, self->source + 4 * self->page, self->page));
	EXPECT_EQ(5, change_end(&changer));
	EXPECT_EQ(0, zero(fd, start, self->page));
	EXPECT_EQ(0, close(child.fd));
}

TEST_F(context, change_that_nobody_asked_for_is_not_told)
{
	struct uffd_msg message;

	ASSERT_EQ(0, copy(self->fd, self->memory, self->source, self->half));
	EXPECT_EQ(0, madvise(self->memory, self->page, MADV_DONTNEED));
	EXPECT_EQ(0, munmap(self->memory, self->page));
	EXPECT_EQ(-EAGAIN, next(self->fd, &message));
}

TEST_F(context, closing_lets_a_change_go_on)
{
	const int fd = told_of(self, UFFD_FEATURE_EVENT_REMOVE);
	struct changer changer;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, change_begin(&changer, fd, drops, self->memory + self->half, self->page));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(0, change_end(&changer));
	EXPECT_EQ(0, self->memory[self->half]);
}

TEST_HARNESS_MAIN
