// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "crowd.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfault.h>

#define THREADS 4
#define ROUNDS	20

static pthread_barrier_t start;

static bool get_one(void)
{
	const int context = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	return context >= 0 && !close(context);
}

static bool get_one_by_device(void)
{
	const int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	const int context = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);

	return device >= 0 && !close(device) && context >= 0 && !close(context);
}

static void *ask(void *asked)
{
	bool good = true;

	pthread_barrier_wait(&start);
	for (unsigned int i = 0; i < ROUNDS && good; i++)
		good = get_one() && get_one_by_device();
	return good ? asked : NULL;
}

int crowd(void)
{
	pthread_t threads[THREADS];
	int result = 0;

	if (pthread_barrier_init(&start, NULL, THREADS))
		return -1;
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, ask, &start))
			return -1;
	for (size_t i = 0; i < THREADS; i++) {
		void *asked = NULL;

		if (pthread_join(threads[i], &asked) || !asked)
			result = -1;
	}
	return result;
}
