/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FILE_H
#define UF_FILE_H

/*
 * A new context for the current process, as a file descriptor; @flags as of USERFAULTFD_IOC_NEW.
 * EINVAL, EPERM, ENOMEM, EMFILE, EBUSY (see uf_hooks_get()), and what a security module says. What
 * read(2) and poll(2) of it return is in the uapi header, at uffd_msg.
 */
int uf_file_create(unsigned int flags);

#endif /* UF_FILE_H */
