/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_WAYS_H
#define SELFTESTS_REDIRECT_WAYS_H

/*
 * Runs @argv[0] in a way of that name with an empty environment; the names "others" and "kept" are
 * those of an environment which has nothing but LD_PRELOAD: @other, or the value that it has had.
 * Returns its exit status, or EXIT_FAILURE.
 */
int run_barely(const char *name, char **argv, const char *other);

#endif
