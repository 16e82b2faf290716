/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REDIRECT_MINOR_H
#define SELFTESTS_REDIRECT_MINOR_H

/*
 * Handles minor faults on a private mapping of a file in shmem that may only be read, while another
 * thread writes to the mapping through /proc/self/mem: the way of LTP's dirtyc0w_shmem. Asks for a
 * userfaultfd as that does, for user mode only where no other is to be had. Prints what it got and
 * what the file starts with after that. Returns an exit status.
 */
int handle_minor_faults(const char *path);

#endif
