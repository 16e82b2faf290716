/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_SANDBOXES_H
#define SELFTESTS_REDIRECT_SANDBOXES_H

/*
 * Ways in which a program sandboxes itself before it asks for a userfaultfd; "device-open" opens
 * the device before that. Each returns nonzero and errno on failure.
 */
struct sandbox {
	const char *name;
	int (*enter)(void);
};

/* An entry without a name ends the list. */
extern const struct sandbox sandboxes[];

#endif
