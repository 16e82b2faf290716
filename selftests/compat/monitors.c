// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit program at one end of a context whose other end is a 64-bit program, compat_test.cpp:
 *
 *	monitors watched DEVICE		registers memory, passes its context on, and reads the memory
 *	monitors monitor DEVICE		is passed a context, and fills the other program's memory
 *
 * The socket to the other program is descriptor 3. With a context goes the address of its memory.
 * Each step and its result are printed; compat_test.cpp knows what they should be.
 */
#define _GNU_SOURCE
#include "../abi/abi_calls.h"

#include <abi_asserts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert(sizeof(void *) == 4, "to be built with -m32");

#define SOCKET 3
#define PAGES  2
#define PAGE   4096u

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static struct msghdr message_of(struct iovec *bytes, union control *control)
{
	return (struct msghdr){
		.msg_iov = bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(*control),
	};
}

static void send_context(int fd, uint64_t start)
{
	union control control = { .header = { CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec bytes = { &start, sizeof(start) };
	struct msghdr message = message_of(&bytes, &control);

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(SOCKET, &message, 0) != sizeof(start))
		fail("sendmsg");
}

static int receive_context(uint64_t *start)
{
	union control control;
	struct iovec bytes = { start, sizeof(*start) };
	struct msghdr message = message_of(&bytes, &control);
	int fd;

	if (recvmsg(SOCKET, &message, 0) != sizeof(*start))
		fail("recvmsg");
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

/* --- the two programs ----------------------------------------------------------- */

static int watched(const char *device)
{
	const int fd = context_new(open(device, O_RDWR | O_CLOEXEC), O_CLOEXEC | O_NONBLOCK);
	char *const memory = map_memory(PAGES * PAGE);

	if (fd < 0 || memory == MAP_FAILED || handshake(fd, 0) ||
	    register_missing(fd, memory, PAGES * PAGE))
		fail("a context");
	send_context(fd, (uintptr_t)memory);
	printf("memory: %c%c\n", memory[0], memory[2 * PAGE - 1]);
	return EXIT_SUCCESS;
}

static void print_result(const char *step, long result)
{
	printf("%s: %s", step, result < 0 ? strerrorname_np((int)-result) : "0");
}

/* @done: the field in which the command has left how far it got */
static void print_progress(const char *step, long result, int64_t done)
{
	print_result(step, result);
	printf(", %lld\n", (long long)done);
}

static void copy_pages(const char *step, int fd, uint64_t to, uint64_t from)
{
	struct uffdio_copy arg = { .dst = to, .src = from, .len = PAGES * PAGE };
	const long result = call(fd, UFFDIO_COPY, &arg);

	print_progress(step, result, arg.copy);
}

static void zero_page(const char *step, int fd, uint64_t start)
{
	struct uffdio_zeropage arg = { .range = { start, PAGE } };
	const long result = call(fd, UFFDIO_ZEROPAGE, &arg);

	print_progress(step, result, arg.zeropage);
}

static void move_page(const char *step, int fd, uint64_t to, uint64_t from)
{
	struct uffdio_move arg = { .dst = to, .src = from, .len = PAGE };
	const long result = call(fd, UFFDIO_MOVE, &arg);

	print_progress(step, result, arg.move);
}

static void wake_page(const char *step, int fd, uint64_t start)
{
	struct uffdio_range arg = { start, PAGE };

	print_result(step, call(fd, UFFDIO_WAKE, &arg));
	putchar('\n');
}

static int monitor(void)
{
	char *const source = map_memory(PAGES * PAGE);
	uint64_t start;
	const int fd = receive_context(&start);

	if (source == MAP_FAILED)
		fail("memory");
	memset(source, 'a', PAGE);
	memset(source + PAGE, 'b', PAGE);
	printf("the memory is above 4 GiB: %d\n", start >> 32 != 0);
	copy_pages("copy from above 4 GiB", fd, start, 1ull << 32);
	copy_pages("copy from across 4 GiB", fd, start, 0xfffff000);
	copy_pages("copy", fd, start, (uintptr_t)source);
	wake_page("wake", fd, start);
	zero_page("zero", fd, start + PAGES * PAGE);
	move_page("move", fd, start, start + PAGE);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "watched"))
		return watched(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "monitor"))
		return monitor();
	fprintf(stderr, "usage: %s watched|monitor DEVICE\n", argv[0]);
	return EXIT_FAILURE;
}
