/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_STRANGERS_H
#define SELFTESTS_REDIRECT_STRANGERS_H

/*
 * Ways in which a program closes descriptors that it doesn't know, or takes numbers that it
 * believes to be free. Each returns nonzero and errno on failure.
 */
struct stranger {
	const char *name;
	int (*expel)(void);
};

/* An entry without a name ends the list. */
extern const struct stranger strangers[];

/*
 * Spawns a program, and on the way closes its descriptors or takes their numbers, by "closefrom",
 * "close", "dup2" or "open". Returns its exit status.
 */
int spawn_without_strangers(const char *way, char **argv);

/* Prints what calls answer for the numbers above the descriptors that the program has opened. */
void print_strangers(void);

#endif
