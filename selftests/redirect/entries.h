/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_ENTRIES_H
#define SELFTESTS_REDIRECT_ENTRIES_H

/*
 * Every way in which a program may ask for a userfaultfd. Each makes a context without flags,
 * "user-mode" one for user mode only, and returns its descriptor, or -1 and errno.
 */
struct entry {
	const char *name;
	int (*make)(void);
};

/* Ended by one without a name. Also to be found in entries.so, by dlsym(3). */
extern const struct entry entries[];

/* Opens the device that "opened-device" makes a context with. Returns 0, or not and errno. */
int open_device(void);

/* Makes a system call past libc, and so past what is preloaded. Returns as syscall(2). */
long instruction(long number, long a, long b, long c);

#endif
