// SPDX-License-Identifier: GPL-2.0-only
/*
 * More options, for the library that userfault-run preloads and the programs that it is preloaded
 * into.
 */
#include <stdbool.h>

#define EXPORT __attribute__((visibility("default")))

/*
 * No search for leaks. At the end of a process it starts another one, which opens files in /proc
 * and attaches to all threads: the sandboxes of the redirected programs forbid that.
 */
EXPORT int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return 1;
}

/* See options.c. */
EXPORT extern const bool is_redirected;

const bool is_redirected = true;
