/* SPDX-License-Identifier: MIT */
/*
 * What the files of the preloaded library share.
 */
#ifndef USERFAULT_REDIRECT_LIBRARY_H
#define USERFAULT_REDIRECT_LIBRARY_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Of what is called in libc's place; all else is hidden. */
#define EXPORT		 __attribute__((visibility("default")))
#define SAME_AS(name)	 EXPORT __attribute__((alias(#name), copy(name)))
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Has @get_ready called before anything else, and leaves errno alone: other libraries may call in
 * their constructors, before ours have run.
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

/* Whether @fd is that. To the program it isn't open: errno is EBADF then. */
bool refuse_kept(int fd);

/* Moves what is kept if it is @fd, where the program is about to put a file of its own. */
void make_room(int fd);

#endif
