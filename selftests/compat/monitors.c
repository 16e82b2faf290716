// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "scenes.h"
#include "stage.h"

#include <string.h>
#include <sys/socket.h>

#define OTHER_END 3

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void send_context(int fd, uint64_t start)
{
	union control control = {.header = {CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec bytes = {&start, sizeof(start)};
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(OTHER_END, &message, 0) != sizeof(start))
		fail("sendmsg");
}

static int receive_context(uint64_t *start)
{
	union control control;
	struct iovec bytes = {start, sizeof(*start)};
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(OTHER_END, &message, 0) != sizeof(*start))
		fail("recvmsg");
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

void play_watched(const char *device)
{
	struct stage stage = stage_open(device, 0);

	stage_register(&stage, UFFDIO_REGISTER_MODE_MISSING);
	send_context(stage.fd, address(stage.memory));
	tell_bytes("memory", stage.memory, 2);
	stage_close(&stage);
}

void play_monitor(const char *device)
{
	struct stage stage = stage_open(device, 0);
	uint64_t start;
	const int fd = receive_context(&start);

	tell("the memory is above 4 GiB", start >> 32 != 0);
	tell_copy("copy from above 4 GiB", fd, start, 1ull << 32, PAGE, 0);
	tell_copy("copy from over 4 GiB", fd, start, 0xfffff000, 2 * PAGE, 0);
	tell_copy("copy", fd, start, address(stage.source), 2 * PAGE, 0);
	tell_range("wake", fd, UFFDIO_WAKE, start, PAGE);
	tell_zero("zero", fd, start + 2 * PAGE, PAGE);
	tell_move("move", fd, start, start + PAGE, PAGE);
	close(fd);
	stage_close(&stage);
}
