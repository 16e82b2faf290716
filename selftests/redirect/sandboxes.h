/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_SANDBOXES_H
#define SELFTESTS_REDIRECT_SANDBOXES_H

/*
 * Ways in which a program shuts itself in before it asks for a userfaultfd; "device-open" is done
 * before those. Each returns 0, or not and errno.
 */
struct sandbox {
	const char *name;
	int (*enter)(void);
};

/* Ended by one without a name. */
extern const struct sandbox sandboxes[];

#endif
