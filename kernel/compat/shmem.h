/* SPDX-License-Identifier: GPL-2.0-only */
/* shmem: what its files pay for, and what they have in the page cache. */
#ifndef UF_COMPAT_SHMEM_H
#define UF_COMPAT_SHMEM_H

#include <linux/fs.h>
#include <linux/shmem_fs.h>

#include "ksyms.h"

/*
 * Pay for @pages more pages of the file, which are in the page cache already, and count them there.
 * False: the file system or a quota is full, or memory is overcommitted. May sleep.
 */
static inline bool uf_compat_shmem_charge(struct inode *inode, long pages)
{
#if !UF_HAS_SHMEM_CHARGE_UNLOCKED
	bool charged;

	xa_lock_irq(&inode->i_mapping->i_pages);
	charged = uf_ksym(shmem_charge)(inode, pages);
	xa_unlock_irq(&inode->i_mapping->i_pages);
	return charged;
#else
	return uf_ksym(shmem_charge)(inode, pages);
#endif
}

/*
 * Get the folio that has page @index of the file: up to date, locked and with a reference. If it is
 * in swap, it is read from there. May sleep. If there is none, *@folio stays NULL; ENOENT: a hole;
 * EINVAL: beyond the end of the file.
 */
static inline int uf_compat_shmem_get_cached(struct inode *inode, pgoff_t index,
					     struct folio **folio)
{
#if !UF_HAS_SHMEM_GET_FOLIO
	return uf_ksym(shmem_get_folio)(inode, index, folio, SGP_NOALLOC);
#else
	return shmem_get_folio(inode, index, 0, folio, SGP_NOALLOC);
#endif
}

#endif /* UF_COMPAT_SHMEM_H */
