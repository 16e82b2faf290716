/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FILE_H
#define UF_FILE_H

/*
 * Make a context for the current process and return its file descriptor; @flags are those of
 * USERFAULTFD_IOC_NEW. Errors: EINVAL, EPERM, ENOMEM, EMFILE, ENFILE, EBUSY and EINTR (see
 * uf_hooks_get()), and those of a security module. The uapi header says at struct uffd_msg what
 * read(2) and poll(2) of the descriptor return.
 */
int uf_file_create(unsigned int flags);

#endif /* UF_FILE_H */
