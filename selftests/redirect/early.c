// SPDX-License-Identifier: GPL-2.0-only
/*
 * A library that is preloaded after the one of userfault-run, so that its constructor comes first.
 * This starts two threads, which are then the first to ask for a userfaultfd, and to execute
 * something, which isn't a program. The other library reads the environment before it stores
 * anything: there each thread waits for the other one, so that both store at the same time. If they
 * have met there, this prints "first".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 2

static pthread_barrier_t together;
static _Thread_local bool is_early;
static atomic_bool have_met;

/* In libc's place, for all libraries. */
char *getenv(const char *name)
{
	const size_t length = strlen(name);

	if (is_early) {
		pthread_barrier_wait(&together);
		have_met = true;
	}
	for (char **each = environ; each && *each; each++)
		if (!strncmp(*each, name, length) && (*each)[length] == '=')
			return *each + length + 1;
	return NULL;
}

static void *ask(void *asked)
{
	char *none[] = {NULL};
	pid_t child;

	is_early = true;

	const int context = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	return context >= 0 && !close(context) &&
			       posix_spawn(&child, "/", NULL, NULL, none, environ) == EACCES
		       ? asked
		       : NULL;
}

__attribute__((constructor)) static void ask_early(void)
{
	pthread_t threads[THREADS];
	bool served = true;

	pthread_barrier_init(&together, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, ask, &together))
			_exit(1);
	for (size_t i = 0; i < THREADS; i++) {
		void *asked = NULL;

		served &= !pthread_join(threads[i], &asked) && asked;
	}
	if (!served)
		_exit(1);
	if (have_met)
		dprintf(STDOUT_FILENO, "first\n");
}
