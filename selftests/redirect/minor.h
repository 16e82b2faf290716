/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_MINOR_H
#define SELFTESTS_REDIRECT_MINOR_H

/*
 * Handles minor faults on a private, read-only mapping of a file in shmem, while another thread
 * writes to the mapping through /proc/self/mem. It does so in the way of LTP's dirtyc0w_shmem, and
 * like that it asks for a userfaultfd for user mode only if it can't get another one. Prints
 * "EPERM" in that case, and what the file starts with afterwards. Returns an exit status.
 */
int handle_minor_faults(const char *path);

#endif
