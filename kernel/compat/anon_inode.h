/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_COMPAT_ANON_INODE_H
#define UF_COMPAT_ANON_INODE_H

#include <linux/anon_inodes.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>

#include "version.h"

/*
 * A new file descriptor on an inode of its own, so that a security module has its say; or an error.
 * The file may be in use by another thread before this returns.
 */
static inline int uf_compat_anon_inode_getfd(const char *name, const struct file_operations *fops,
					     void *priv, int flags)
{
#ifdef UF_COMPAT_6_1
	return anon_inode_getfd_secure(name, fops, priv, flags, NULL);
#else
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(flags);
	if (fd < 0)
		return fd;

	file = anon_inode_create_getfile(name, fops, priv, flags, NULL);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_mode |= FMODE_NOWAIT;
	fd_install(fd, file);
	return fd;
#endif
}

#endif /* UF_COMPAT_ANON_INODE_H */
