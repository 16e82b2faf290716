// SPDX-License-Identifier: GPL-2.0-only
/* The calls of programs on descriptors, and their accesses to memory. */
#include "executor.h"

#include <linux/userfault.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

/* A page for arguments with nothing after it, and one that can only be read, for each thread. */
static uint8_t places[FUZZ_THREADS][3 * FUZZ_PAGE] __attribute__((aligned(4096)));

void prepare_places(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
		mprotect(places[i] + FUZZ_PAGE, FUZZ_PAGE, PROT_NONE);
		mprotect(places[i] + 2 * FUZZ_PAGE, FUZZ_PAGE, PROT_READ);
	}
}

/* How many bytes can be read or written there, of @size. */
static size_t size_at(uint8_t place, size_t size)
{
	if (place == FUZZ_ANYWHERE || (place >= FUZZ_AT_PAGE && place < FUZZ_READ_ONLY))
		return size;
	return place < FUZZ_AT_PAGE && place < size ? place : place < FUZZ_AT_PAGE ? size : 0;
}

static void *address_of(uint8_t place, size_t size)
{
	uint8_t *page = places[self->number];

	if (place == FUZZ_ANYWHERE)
		return page;
	if (place < FUZZ_AT_PAGE)
		return page + FUZZ_PAGE - size_at(place, size);
	if (place < FUZZ_READ_ONLY)
		return (void *)(uintptr_t)(FUZZ_ARENA + (place - FUZZ_AT_PAGE) * FUZZ_PAGE);
	if (place == FUZZ_READ_ONLY)
		return page + 2 * FUZZ_PAGE;
	if (place == FUZZ_KERNEL)
		return (void *)(uintptr_t)0xffff888000000000ull;
	return NULL;
}

static int fd_of(const struct fuzz_call *call)
{
	return __atomic_load_n(&stage.slots[call->slot % FUZZ_SLOTS], __ATOMIC_RELAXED);
}

/* The main thread looks at it (child.c). */
static void set_in_context(bool whether)
{
	__atomic_store_n(&self->in_context, whether, __ATOMIC_RELEASE);
}

/* What the slot had before is closed afterwards. */
static void set_slot(unsigned int slot, int fd)
{
	int before;

	before = __atomic_exchange_n(&stage.slots[slot % FUZZ_SLOTS], fd, __ATOMIC_RELAXED);
	if (before >= 0)
		close(before);
}

static int keep(const struct fuzz_call *call, long fd)
{
	int result = outcome(fd);

	if (result >= 0)
		set_slot(call->slot, result);
	return result < 0 ? result : 0;
}

int do_open(const struct fuzz_call *call)
{
	int device = stage.shared->native ? devices.native : devices.module;
	unsigned long flags = call->arguments[0];

	/* A reader that waits would keep the descriptor open. */
	if (stage.shared->side_by_side)
		flags |= O_NONBLOCK;
	return keep(call, ioctl(device, USERFAULTFD_IOC_NEW, flags));
}

int do_other(const struct fuzz_call *call)
{
	int ends[2];

	switch (call->arguments[0] % FUZZ_OTHERS) {
	case FUZZ_PIPE:
		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
			return -errno;
		close(ends[1]);
		return keep(call, ends[0]);
	case FUZZ_MEMFD:
		return keep(call, memfd_create("other", MFD_CLOEXEC));
	default:
		return keep(call, dup(stage.shared->native ? devices.native : devices.module));
	}
}

int do_dup(const struct fuzz_call *call)
{
	int fd = dup(fd_of(call));

	if (fd < 0)
		return -errno;
	set_slot(call->arguments[0], fd);
	return 0;
}

int do_close(const struct fuzz_call *call)
{
	int fd = __atomic_exchange_n(&stage.slots[call->slot % FUZZ_SLOTS], -1, __ATOMIC_RELAXED);

	return outcome(close(fd));
}

/* Threads have other ids in each child. */
static uint64_t thread_of(uint32_t id)
{
	for (unsigned int i = 0; id && i < FUZZ_THREADS; i++)
		if (stage.workers[i].id == (int)id)
			return i + 1;
	return id ? ~0ull : 0;
}

/* The descriptor of a child's context gets a slot: the last one that is free, if any. */
static uint64_t slot_of(uint32_t fd)
{
	for (unsigned int slot = FUZZ_SLOTS; slot--;)
		if (stage.slots[slot] < 0) {
			set_slot(slot, (int)fd);
			return slot;
		}
	close((int)fd);
	return ~0ull;
}

static void note_message(const struct uffd_msg *message)
{
	struct fuzz_record *record = &self->messages[self->message_count++];

	*record = (struct fuzz_record){.kind = FUZZ_MESSAGE, .result = message->event};
	record->words[0] = message->arg.reserved.reserved1;
	record->words[1] = message->arg.reserved.reserved2;
	record->words[2] = message->arg.reserved.reserved3;
	record->words[3] = message->reserved1 | message->reserved2 | message->reserved3;
	if (message->event == UFFD_EVENT_PAGEFAULT)
		record->words[2] = thread_of(message->arg.pagefault.feat.ptid);
	if (message->event == UFFD_EVENT_FORK)
		record->words[0] = slot_of(message->arg.fork.ufd);
}

int do_read(const struct fuzz_call *call)
{
	struct uffd_msg messages[20] = {0};
	size_t size = call->arguments[0] % (sizeof(messages) + 1);
	void *where = call->place ? address_of(call->place, size) : messages;
	int result;

	set_in_context(true);
	result = outcome(read(fd_of(call), where, size));
	set_in_context(false);
	/* Reading other descriptors brings no messages. */
	if (call->place || result <= 0 || result % sizeof(messages[0]))
		return result;
	for (unsigned int i = 0; i < result / sizeof(messages[0]); i++)
		note_message(&messages[i]);
	return result;
}

int do_poll(const struct fuzz_call *call)
{
	struct pollfd polled = {.fd = fd_of(call), .events = POLLIN | POLLOUT | POLLPRI};
	int result = outcome(poll(&polled, 1, 0));

	self->result.words[0] = polled.revents;
	return result;
}

/* What fdinfo shows: faults that nobody was told of, all that wait, and the features. */
int do_info(const struct fuzz_call *call)
{
	unsigned long long features = 0;
	unsigned long untold, all;
	char path[64], text[512];
	const char *shown;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd_of(call));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length > 0 ? length : 0] = 0;
	shown = strstr(text, "pending:");
	if (!shown || sscanf(shown, "pending: %lu total: %lu API: %*x:%llx:", &untold, &all,
			     &features) != 3)
		return 1;
	self->result.words[0] = untold;
	self->result.words[1] = all;
	self->result.words[2] = features;
	return 0;
}

/* The struct at its place before and after the call, which is what it has brought. */
static int call_with(const struct fuzz_call *call, unsigned long request, uint64_t *words,
		     size_t count)
{
	size_t size = size_at(call->place, count * sizeof(words[0]));
	void *where = address_of(call->place, count * sizeof(words[0]));
	int result, signal = 0;

	if (size)
		signal = guarded_copy(where, words, size);
	if (signal)
		return signal;
	set_in_context(true);
	result = outcome(ioctl(fd_of(call), request, where));
	set_in_context(false);
	if (size)
		signal = guarded_copy(self->result.words, where, size);
	return signal ? signal : result;
}

int do_ioctl(const struct fuzz_call *call)
{
	uint64_t words[FUZZ_WORDS] = {0};

	/* See do_open(). */
	if (stage.shared->side_by_side && call->arguments[0] == FIONBIO)
		return NOT_MADE;
	for (unsigned int i = 1; i < FUZZ_ARGUMENTS; i++)
		words[i - 1] = call->arguments[i];
	return call_with(call, call->arguments[0], words, FUZZ_WORDS);
}

int do_load(const struct fuzz_call *call)
{
	uint8_t value = 0;
	int signal;

	if (!in_arena(call->arguments[0], 1))
		return NOT_MADE;
	signal = guarded_load(call->arguments[0], &value);
	self->result.words[0] = value;
	return signal;
}

int do_store(const struct fuzz_call *call)
{
	if (!in_arena(call->arguments[0], 1))
		return NOT_MADE;
	return guarded_store(call->arguments[0], call->arguments[1]);
}

/*
 * The kernel reads the memory. While it waits it has the pipe's lock: so the pipe is not one that
 * is closed at the end, which would wait for the lock.
 */
int do_send(const struct fuzz_call *call)
{
	const int *ends = devices.pipes[self->number];
	uint8_t received[4 * FUZZ_PAGE];
	int result;

	result = outcome(write(ends[1], (void *)(uintptr_t)call->arguments[0],
			       call->arguments[1] % sizeof(received)));
	if (read(ends[0], received, sizeof(received)) > 0)
		self->result.words[0] = received[0];
	return result;
}

/* The kernel writes the memory. */
int do_receive(const struct fuzz_call *call)
{
	uint64_t size = call->arguments[1] % (4 * FUZZ_PAGE);

	if (!in_arena(call->arguments[0], size))
		return NOT_MADE;
	return outcome(read(devices.zero, (void *)(uintptr_t)call->arguments[0], size));
}

static const struct {
	int (*make)(const struct fuzz_call *call);
	unsigned long request;
	unsigned int given, answers;
} rows[] = {
#define CALL(name, ...) {do_##name, 0, 0, 0},
#define COMMAND(name, request, answers, ...)                                                       \
	{NULL, request, sizeof((char[]){__VA_ARGS__}), answers},
#define VERSION	       0
#define FEATURES       0
#define ADDRESS	       0
#define SOURCE	       0
#define LENGTH	       0
#define MODES	       0
#define REGISTER_MODES 0
#include "calls.def"
};

static int command(const struct fuzz_call *call)
{
	uint64_t words[FUZZ_WORDS] = {0};
	unsigned int count = rows[call->code].given;

	memcpy(words, call->arguments, count * sizeof(words[0]));
	if (rows[call->code].answers)
		words[count++] = UNTOUCHED;
	return call_with(call, rows[call->code].request, words, count);
}

void make_call(const struct fuzz_call *call)
{
	memset(self->result.words, 0, sizeof(self->result.words));
	self->message_count = 0;
	self->result.kind = FUZZ_RESULT;
	self->result.result = rows[call->code].make ? rows[call->code].make(call) : command(call);
	if (self->result.result == NOT_MADE)
		self->result.kind = FUZZ_LEFT_OUT;
}
