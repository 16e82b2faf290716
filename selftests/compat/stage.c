// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "stage.h"

#include <stdlib.h>
#include <string.h>

void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

long checked(const char *what, long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	fail(what);
}

struct stage stage_open(const char *device, uint64_t features)
{
	struct stage stage = {.device = open(device, O_RDWR | O_CLOEXEC)};

	if (stage.device < 0)
		fail(device);
	stage.fd = checked("a context", context_new(stage.device, O_CLOEXEC | O_NONBLOCK));
	checked("handshake", handshake(stage.fd, features));
	stage.memory = map_memory(STAGE_PAGES * PAGE);
	stage.source = map_memory(STAGE_PAGES * PAGE);
	if (stage.memory == MAP_FAILED || stage.source == MAP_FAILED)
		fail("memory");
	for (int i = 0; i < STAGE_PAGES; i++)
		memset(stage.source + i * PAGE, 'a' + i, PAGE);
	return stage;
}

void stage_close(struct stage *stage)
{
	close(stage->fd);
	close(stage->device);
}

void stage_register(const struct stage *stage, uint64_t mode)
{
	checked("register", register_range(stage->fd, stage->memory, STAGE_PAGES * PAGE, mode));
}

/* --- telling ------------------------------------------------------------------- */

static void print_result(const char *step, long result)
{
	if (result < 0)
		printf("%s: %s", step, strerrorname_np((int)-result));
	else
		printf("%s: %ld", step, result);
}

void tell(const char *step, long result)
{
	print_result(step, result);
	putchar('\n');
}

void tell_with_field(const char *step, long result, int64_t field)
{
	print_result(step, result);
	printf(", %lld\n", (long long)field);
}

/* The letter of each page, or ? for one whose bytes are not the same. */
void tell_bytes(const char *step, const char *bytes, size_t pages)
{
	printf("%s: ", step);
	for (const char *page = bytes; page < bytes + pages * PAGE; page += PAGE)
		putchar(memcmp(page, page + 1, PAGE - 1) ? '?' : page[0] ?: '0');
	putchar('\n');
}

static void print_message(const struct uffd_msg *message, const struct stage *stage)
{
	const uint64_t base = address(stage->memory);
	const uint64_t length = message->arg.remap.len;

	switch (message->event) {
	case UFFD_EVENT_PAGEFAULT:
		printf("fault at %#llx, flags %#llx", message->arg.pagefault.address - base,
		       message->arg.pagefault.flags);
		break;
	case UFFD_EVENT_FORK:
		printf("fork");
		break;
	case UFFD_EVENT_REMAP:
		printf("remap of %#llx at %#llx", length, message->arg.remap.from - base);
		break;
	case UFFD_EVENT_REMOVE:
	case UFFD_EVENT_UNMAP:
		printf("%s of %#llx to %#llx",
		       message->event == UFFD_EVENT_REMOVE ? "remove" : "unmap",
		       message->arg.remove.start - base, message->arg.remove.end - base);
		break;
	default:
		printf("event %#x", message->event);
	}
}

struct uffd_msg tell_message(const char *step, const struct stage *stage)
{
	struct pollfd entry = {.fd = stage->fd, .events = POLLIN};
	struct uffd_msg message;

	if (poll(&entry, 1, -1) != 1 || entry.revents != POLLIN)
		fail("poll");
	tell(step, read_bytes(stage->fd, &message, sizeof(message)));
	printf("%s: ", step);
	print_message(&message, stage);
	putchar('\n');
	return message;
}

/* --- commands ------------------------------------------------------------------ */

void tell_register(const char *step, int fd, uint64_t start, uint64_t length, uint64_t mode)
{
	struct uffdio_register arg = {.range = {start, length}, .mode = mode};

	tell(step, call(fd, UFFDIO_REGISTER, &arg));
}

void tell_range(const char *step, int fd, unsigned long command, uint64_t start, uint64_t length)
{
	struct uffdio_range arg = {start, length};

	tell(step, call(fd, command, &arg));
}

void tell_copy(const char *step, int fd, uint64_t to, uint64_t from, uint64_t length, uint64_t mode)
{
	struct uffdio_copy arg = {.dst = to, .src = from, .len = length, .mode = mode};
	const long result = call(fd, UFFDIO_COPY, &arg);

	tell_with_field(step, result, arg.copy);
}

void tell_zero(const char *step, int fd, uint64_t start, uint64_t length)
{
	struct uffdio_zeropage arg = {.range = {start, length}};
	const long result = call(fd, UFFDIO_ZEROPAGE, &arg);

	tell_with_field(step, result, arg.zeropage);
}

void tell_protect(const char *step, int fd, uint64_t start, uint64_t length, uint64_t mode)
{
	struct uffdio_writeprotect arg = {.range = {start, length}, .mode = mode};

	tell(step, call(fd, UFFDIO_WRITEPROTECT, &arg));
}

void tell_continue(const char *step, int fd, uint64_t start, uint64_t length)
{
	struct uffdio_continue arg = {.range = {start, length}};
	const long result = call(fd, UFFDIO_CONTINUE, &arg);

	tell_with_field(step, result, arg.mapped);
}

void tell_poison(const char *step, int fd, uint64_t start, uint64_t length)
{
	struct uffdio_poison arg = {.range = {start, length}};
	const long result = call(fd, UFFDIO_POISON, &arg);

	tell_with_field(step, result, arg.updated);
}

void tell_move(const char *step, int fd, uint64_t to, uint64_t from, uint64_t length)
{
	struct uffdio_move arg = {.dst = to, .src = from, .len = length};
	const long result = call(fd, UFFDIO_MOVE, &arg);

	tell_with_field(step, result, arg.move);
}
