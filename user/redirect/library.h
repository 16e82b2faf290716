/* SPDX-License-Identifier: MIT */
/*
 * What the files of the preloaded library share.
 */
#ifndef USERFAULT_REDIRECT_LIBRARY_H
#define USERFAULT_REDIRECT_LIBRARY_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

/* For functions that programs call in libc's place; all others are hidden. */
#define EXPORT		 __attribute__((visibility("default")))
#define SAME_AS(name)	 EXPORT __attribute__((alias(#name), copy(name)))
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/*
 * What comes after us, in a file that keeps that in atomic pointers. (When an atomic pointer is
 * called as it is, gcc loads it like any other.)
 */
#define NEXT(function) atomic_load(&next.function)

/*
 * Calls @get_ready if nobody has finished it yet, and leaves errno alone. Constructors of other
 * libraries may call us before our own have run, and may have started threads: so several threads
 * may be in @get_ready at once, and a signal handler in the midst of it. None waits for another
 * one, which a child made by fork() would not have. So @get_ready stores only into atomic
 * variables, and what it stores is the same each time.
 */
static inline void ensure(atomic_bool *is_ready, void (*get_ready)(void))
{
	if (__builtin_expect(!atomic_load_explicit(is_ready, memory_order_acquire), false)) {
		const int before = errno;

		get_ready();
		atomic_store_explicit(is_ready, true, memory_order_release);
		errno = before;
	}
}

/* The descriptor of the module's device that is kept open, see descriptor.c; -1 if it isn't. */
int kept_descriptor(void);

/* Whether @fd is that descriptor. Then errno is EBADF: to the program it isn't open. */
bool refuse_kept(int fd);

/* Moves that descriptor if it is @fd: the program is about to put a file of its own there. */
void make_room(int fd);

#endif
