// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "minor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfault.h>

#define ROUNDS 32

static char *map;
static size_t page;
static atomic_bool done;

static void require(bool is_so, const char *what)
{
	if (is_so)
		return;
	printf("%s: %s\n", what, strerrorname_np(errno));
	exit(EXIT_FAILURE);
}

/* Errors are expected: in this call the kernel can't wait for a page. */
static void *write_past_protection(void *memory)
{
	while (!done)
		if (pwrite(*(int *)memory, "over", 4, (off_t)(unsigned long)map) < 0 &&
		    errno != EIO)
			return "pwrite";
	return NULL;
}

static void *touch_again(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		if (madvise(map, page, MADV_DONTNEED))
			return "madvise";
		*(volatile char *)map;
	}
	done = true;
	return NULL;
}

static int ask_for_userfaultfd(void)
{
	const int flags = O_CLOEXEC | O_NONBLOCK;
	int fd = (int)syscall(SYS_userfaultfd, flags);

	if (fd < 0 && errno == EPERM) {
		puts("EPERM");
		fd = (int)syscall(SYS_userfaultfd, flags | UFFD_USER_MODE_ONLY);
	}
	return fd;
}

static void watch(int fd)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_MINOR_SHMEM};
	struct uffdio_register range = {.range = {(unsigned long)map, page},
					.mode = UFFDIO_REGISTER_MODE_MINOR};

	require(fd >= 0, "userfaultfd");
	require(ioctl(fd, UFFDIO_API, &api) == 0, "UFFDIO_API");
	require(ioctl(fd, UFFDIO_REGISTER, &range) == 0, "UFFDIO_REGISTER");
}

/* If a page is there already, the other thread's write has put it there. */
static void serve(int fd)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	struct uffd_msg message;

	while (!done) {
		struct uffdio_continue fill = {.range = {(unsigned long)map, page}};

		if (poll(&readable, 1, 10) <= 0 || read(fd, &message, sizeof(message)) < 0)
			continue;
		if (ioctl(fd, UFFDIO_CONTINUE, &fill) && errno == EEXIST)
			ioctl(fd, UFFDIO_WAKE, &fill.range);
	}
}

static void join(pthread_t thread)
{
	void *failed;

	require(pthread_join(thread, &failed) == 0, "pthread_join");
	require(!failed, failed);
}

int handle_minor_faults(const char *path)
{
	const int file = open(path, O_RDONLY);
	int memory = open("/proc/self/mem", O_RDWR);
	pthread_t toucher, writer;
	char start[5] = "";

	page = (size_t)sysconf(_SC_PAGESIZE);
	map = mmap(NULL, page, PROT_READ, MAP_PRIVATE, file, 0);
	require(file >= 0 && memory >= 0 && map != MAP_FAILED, path);

	const int fd = ask_for_userfaultfd();

	watch(fd);
	require(pthread_create(&toucher, NULL, touch_again, NULL) == 0 &&
			pthread_create(&writer, NULL, write_past_protection, &memory) == 0,
		"pthread_create");
	serve(fd);
	join(toucher);
	join(writer);
	require(pread(file, start, 4, 0) == 4, "pread");
	puts(start);
	return EXIT_SUCCESS;
}
