/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_WAYS_H
#define SELFTESTS_REDIRECT_WAYS_H

/*
 * Runs @argv[0] in the way that @name names, with an empty environment. The ways "others" and
 * "kept" have only LD_PRELOAD in the environment: @other, or the value that it had before. Returns
 * the exit status of @argv[0], or EXIT_FAILURE.
 */
int run_barely(const char *name, char **argv, const char *other);

#endif
