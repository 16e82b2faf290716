/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_ENTRIES_H
#define SELFTESTS_REDIRECT_ENTRIES_H

/*
 * Every way in which a program may ask for a userfaultfd. Each makes a context without flags (only
 * "user-mode" makes one for user mode only), and returns its descriptor, or -1 and errno.
 */
struct entry {
	const char *name;
	int (*make)(void);
};

/* An entry without a name ends the list. dlsym(3) also finds it in entries.so. */
extern const struct entry entries[];

/*
 * Opens the device with which "opened-device" makes a context. Returns nonzero and errno on
 * failure.
 */
int open_device(void);

/* Makes a system call without libc, and so past the preloaded library. Returns like syscall(2). */
long instruction(long number, long a, long b, long c);

#endif
