/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_STRANGERS_H
#define SELFTESTS_REDIRECT_STRANGERS_H

/*
 * Ways in which a program gets rid of descriptors that it knows nothing of, or takes numbers that
 * it believes to be free. Each returns 0, or not and errno.
 */
struct stranger {
	const char *name;
	int (*expel)(void);
};

/* Ended by one without a name. */
extern const struct stranger strangers[];

/*
 * Executes a program whose descriptors are closed, or their numbers taken, while it is spawned: by
 * "closefrom", "close", "dup2" or "open". Returns its exit status.
 * "closefrom", "close" or "dup2". Returns its exit status.
 */
int spawn_without_strangers(const char *way, char **argv);

/* Prints what calls by number say of the numbers above those that the program has open. */
void print_strangers(void);

#endif
