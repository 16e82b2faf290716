// SPDX-License-Identifier: GPL-2.0-only
/* Faults that wait: how they are told with read() and poll(), and how they end. */
#include "abi.h"

#define THREADS 3

TEST_F(context, nothing_can_be_read_while_nobody_waits)
{
	struct uffd_msg message;

	EXPECT_EQ(-EAGAIN, read_bytes(self->fd, &message, sizeof(message)));
	EXPECT_EQ(0, events_of(self->fd));
	EXPECT_EQ(0, fdinfo(self->fd, "pending"));
	EXPECT_EQ(0, fdinfo(self->fd, "total"));
}

TEST_F(context, fault_is_told_and_ends_with_a_copy)
{
	struct toucher toucher = {};
	struct uffd_msg message;

	ASSERT_EQ(0, toucher_read(&toucher, self->memory + self->page + 5));
	wait_until_fdinfo(self->fd, "pending", 1);
	EXPECT_EQ(POLLIN, events_of(self->fd));
	ASSERT_EQ((ssize_t)sizeof(message), read_bytes(self->fd, &message, sizeof(message)));
	EXPECT_EQ(UFFD_EVENT_PAGEFAULT, message.event);
	EXPECT_EQ(0, (long)message.arg.pagefault.flags);
	EXPECT_EQ((uintptr_t)self->memory + self->page, (uintptr_t)message.arg.pagefault.address);
	EXPECT_EQ(0, fdinfo(self->fd, "pending"));
	EXPECT_EQ(1, fdinfo(self->fd, "total"));
	EXPECT_EQ(0, events_of(self->fd));
	EXPECT_EQ(0, copy(self->fd, self->memory + self->page, self->source, self->page));
	EXPECT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(1, toucher.seen);
	EXPECT_EQ(0, fdinfo(self->fd, "total"));
}

TEST_F(context, write_is_told_as_a_write)
{
	struct toucher toucher = {};
	struct uffd_msg message;

	ASSERT_EQ(0, toucher_write(&toucher, self->memory, 42));
	wait_until_fdinfo(self->fd, "pending", 1);
	ASSERT_EQ((ssize_t)sizeof(message), read_bytes(self->fd, &message, sizeof(message)));
	EXPECT_EQ(UFFD_PAGEFAULT_FLAG_WRITE, (long)message.arg.pagefault.flags);
	EXPECT_EQ(0, zero(self->fd, self->memory, self->page));
	EXPECT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(42, self->memory[0]);
}

TEST_F(context, several_faults_are_told_in_one_read)
{
	struct toucher touchers[THREADS] = {};
	struct uffd_msg messages[THREADS + 1];
	const ssize_t two = 2 * sizeof(*messages);
	uint64_t seen = 0;

	for (int i = 0; i < THREADS; i++)
		ASSERT_EQ(0, toucher_read(&touchers[i], self->memory + i * self->page));
	wait_until_fdinfo(self->fd, "pending", THREADS);
	/* What has no room for a whole message isn't used */
	EXPECT_EQ(two, read_bytes(self->fd, messages, two + sizeof(*messages) - 1));
	EXPECT_EQ(1, fdinfo(self->fd, "pending"));
	EXPECT_EQ((ssize_t)sizeof(*messages), read_bytes(self->fd, messages + 2, two));
	for (int i = 0; i < THREADS; i++)
		seen |= 1ull << (messages[i].arg.pagefault.address - (uintptr_t)self->memory) / self->page;
	EXPECT_EQ((1ull << THREADS) - 1, seen);
	EXPECT_EQ(0, copy(self->fd, self->memory, self->source, self->half));
	for (int i = 0; i < THREADS; i++) {
		EXPECT_EQ(0, toucher_join(&touchers[i]));
		EXPECT_EQ(i + 1, touchers[i].seen);
	}
}

TEST_F(context, buffer_too_small_for_a_message_is_refused)
{
	struct toucher toucher = {};
	struct uffd_msg message;

	EXPECT_EQ(-EINVAL, read_bytes(self->fd, &message, sizeof(message) - 1));
	ASSERT_EQ(0, toucher_read(&toucher, self->memory));
	wait_until_fdinfo(self->fd, "pending", 1);
	EXPECT_EQ(-EINVAL, read_bytes(self->fd, &message, sizeof(message) - 1));
	ASSERT_EQ(0, munmap(self->source, self->page));
	EXPECT_EQ(-EFAULT, read_bytes(self->fd, self->source, sizeof(message)));
	EXPECT_EQ(0, zero(self->fd, self->memory, self->page));
	EXPECT_EQ(0, toucher_join(&toucher));
}

TEST_F(context, filling_without_waking_leaves_waiters_to_wake)
{
	struct toucher touchers[2] = {};

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, toucher_read(&touchers[i], self->memory + i * self->page));
	wait_until_fdinfo(self->fd, "pending", 2);
	EXPECT_EQ(0, copy_mode(self->fd, self->memory, self->source, self->page,
			       UFFDIO_COPY_MODE_DONTWAKE));
	EXPECT_EQ(0, zero_mode(self->fd, self->memory + self->page, self->page,
			       UFFDIO_ZEROPAGE_MODE_DONTWAKE));
	EXPECT_EQ(2, fdinfo(self->fd, "total"));
	EXPECT_EQ(0, wake(self->fd, self->memory, self->page));
	EXPECT_EQ(0, toucher_join(&touchers[0]));
	EXPECT_EQ(1, touchers[0].seen);
	EXPECT_EQ(1, fdinfo(self->fd, "total"));
	EXPECT_EQ(0, wake(self->fd, self->memory + self->page, self->page));
	EXPECT_EQ(0, toucher_join(&touchers[1]));
	EXPECT_EQ(0, touchers[1].seen);
}

TEST_F(context, woken_fault_without_a_page_is_told_again)
{
	struct toucher toucher = {};
	struct uffd_msg message;

	ASSERT_EQ(0, toucher_read(&toucher, self->memory));
	for (int i = 0; i < 3; i++) {
		wait_until_fdinfo(self->fd, "pending", 1);
		ASSERT_EQ((ssize_t)sizeof(message), read_bytes(self->fd, &message, sizeof(message)));
		EXPECT_EQ((uintptr_t)self->memory, (uintptr_t)message.arg.pagefault.address);
		EXPECT_EQ(0, wake(self->fd, self->memory, self->half));
	}
	EXPECT_EQ(0, copy(self->fd, self->memory, self->source, self->page));
	EXPECT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(1, toucher.seen);
}

TEST_F(context, wrong_wakes_are_refused)
{
	EXPECT_EQ(-EINVAL, wake(self->fd, self->memory + 1, self->page));
	EXPECT_EQ(-EINVAL, wake(self->fd, self->memory, 0));
	EXPECT_EQ(-EINVAL, wake(self->fd, self->memory, self->page + 1));
	EXPECT_EQ(-EINVAL, wake(self->fd, self->memory, -self->page));
	EXPECT_EQ(-EFAULT, call(self->fd, UFFDIO_WAKE, NULL));
	EXPECT_EQ(0, wake(self->fd, self->memory + self->half, self->page));
}

TEST_F(context, closing_lets_waiters_go_on)
{
	struct toucher toucher = { .seen = 1 };

	ASSERT_EQ(0, toucher_read(&toucher, self->memory));
	wait_until_fdinfo(self->fd, "pending", 1);
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(0, toucher.seen);
}

struct reader {
	int fd;
	struct uffd_msg message;
	ssize_t result;
};

static void *reader_reads(void *data)
{
	struct reader *reader = data;

	reader->result = read_bytes(reader->fd, &reader->message, sizeof(reader->message));
	return NULL;
}

TEST_F(context, blocking_read_waits_for_a_fault)
{
	struct reader reader = { .fd = self->fd };
	struct toucher toucher = {};
	pthread_t thread;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, fcntl(self->fd, F_GETFL) & ~O_NONBLOCK));
	EXPECT_EQ(POLLERR, events_of(self->fd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, reader_reads, &reader));
	ASSERT_EQ(0, toucher_read(&toucher, self->memory));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ((ssize_t)sizeof(reader.message), reader.result);
	EXPECT_EQ((uintptr_t)self->memory, (uintptr_t)reader.message.arg.pagefault.address);
	EXPECT_EQ(0, zero(self->fd, self->memory, self->page));
	EXPECT_EQ(0, toucher_join(&toucher));
}

/* A context with @features that has registered the upper half of the memory */
static int context_with(const FIXTURE_DATA(context) *self, uint64_t features)
{
	const int fd = context_new(self->device, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || handshake(fd, features) ||
	    register_missing(fd, self->memory + self->half, self->half))
		return -1;
	return fd;
}

TEST_F(context, thread_and_exact_address_are_told_on_request)
{
	const int fd = context_with(self, UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_EXACT_ADDRESS);
	char *const address = self->memory + self->half + 123;
	struct toucher toucher = {};
	struct uffd_msg message;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, toucher_read(&toucher, address));
	wait_until_fdinfo(fd, "pending", 1);
	ASSERT_EQ((ssize_t)sizeof(message), read_bytes(fd, &message, sizeof(message)));
	EXPECT_EQ((uintptr_t)address, (uintptr_t)message.arg.pagefault.address);
	EXPECT_EQ(0, zero(fd, self->memory + self->half, self->page));
	ASSERT_EQ(0, toucher_join(&toucher));
	EXPECT_EQ(toucher.tid, (pid_t)message.arg.pagefault.feat.ptid);
}

TEST_F_SIGNAL(context, fault_is_a_signal_on_request, SIGBUS)
{
	ASSERT_GE(context_with(self, UFFD_FEATURE_SIGBUS), 0);
	self->memory[self->half] = 1;
}

/* A thread whose system call reads @page, and a pipe that takes what it has read */
struct passer {
	int pipe[2];
	const char *page;
	size_t size;
	ssize_t passed;
};

static void *passer_passes_on(void *data)
{
	struct passer *passer = data;

	passer->passed = write(passer->pipe[1], passer->page, passer->size);
	return NULL;
}

TEST_F(context, fault_of_a_system_call_waits_too)
{
	struct passer passer = { .page = self->memory + self->page, .size = self->page };
	struct uffd_msg message;
	pthread_t thread;

	ASSERT_EQ(0, pipe(passer.pipe));
	ASSERT_EQ(0, pthread_create(&thread, NULL, passer_passes_on, &passer));
	wait_until_fdinfo(self->fd, "pending", 1);
	ASSERT_EQ((ssize_t)sizeof(message), read_bytes(self->fd, &message, sizeof(message)));
	EXPECT_EQ((uintptr_t)passer.page, (uintptr_t)message.arg.pagefault.address);
	EXPECT_EQ(0, (long)message.arg.pagefault.flags);
	EXPECT_EQ(0, copy(self->fd, self->memory + self->page, self->source + self->page, self->page));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ((ssize_t)self->page, passer.passed);
	ASSERT_EQ((ssize_t)self->page, read(passer.pipe[0], self->source, self->page));
	EXPECT_EQ(0, memcmp(self->source, passer.page, self->page));
}

/* A context that handles only faults of user mode doesn't keep the kernel waiting. */
TEST_F(context, system_call_fails_where_only_user_mode_is_handled)
{
	const int fd = context_new(self->device, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	const int zeroes = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	char *const memory = self->memory + self->half;

	ASSERT_GE(fd, 0);
	ASSERT_GE(zeroes, 0);
	ASSERT_EQ(0, handshake(fd, 0));
	ASSERT_EQ(0, register_missing(fd, memory, self->page));
	EXPECT_EQ(-EFAULT, read_bytes(zeroes, memory, self->page));
	EXPECT_EQ(0, fdinfo(fd, "total"));
}

TEST_HARNESS_MAIN
