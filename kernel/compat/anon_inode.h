/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_COMPAT_ANON_INODE_H
#define UF_COMPAT_ANON_INODE_H

#include <linux/anon_inodes.h>
#include <linux/fs.h>

#include "ksyms.h"

/*
 * A new file on an inode of its own, which security modules can label or refuse; or an error.
 * @context: the inode of the file that it is made from, or NULL.
 */
static inline struct file *uf_compat_anon_inode_getfile(const char *name,
							const struct file_operations *fops,
							void *priv, int flags,
							const struct inode *context)
{
#if !UF_HAS_ANON_INODE_CREATE
	return uf_ksym(anon_inode_getfile_secure)(name, fops, priv, flags, context);
#else
	struct file *file = anon_inode_create_getfile(name, fops, priv, flags, context);

	if (!IS_ERR(file))
		file->f_mode |= FMODE_NOWAIT;
	return file;
#endif
}

#endif /* UF_COMPAT_ANON_INODE_H */
