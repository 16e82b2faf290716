/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filling: pages where there are none.
 *
 * Overview
 *
 * A fill goes in runs. A run is a number of pages of one page table that are filled together, or
 * one huge page of hugetlb. The engine (fill.c) finds the VMA and the page table of a run. The
 * memory type's ops (fill_run.h; fill_anon.c, fill_shmem.c, fill_hugetlb.c) prepare the pages
 * without the page-table lock, then install them all under it, and count them once.
 *
 * Locking
 *
 * The VMA stays locked over many runs; the kernel decides by which lock (uf_compat_vma_lock_fill).
 * Under this lock a fill must not fault. If a source page would fault, the engine drops the lock,
 * copies the page, and then looks up and checks the VMA again. It does the latter too when it has
 * held the lock for long.
 *
 * Atomicity
 *
 * A page is complete before it can be seen, and never replaces another. A fill stops at the first
 * page that it can't fill, and reports the bytes before it.
 */
#ifndef UF_FILL_H
#define UF_FILL_H

#include <linux/mm_types.h>

#include "fill_source.h"

struct uf_ctx;

struct uf_fill {
	enum uf_fill_source source;
	bool wp;		/* install write-protected */
	unsigned long dst;	/* page aligned, in the context's address space */
	unsigned long src;	/* any alignment, in the caller's address space */
	unsigned long len;	/* whole pages, not 0 */
};

/*
 * Fill memory of the context's process. The caller holds its address space, as the current process
 * does if it is its own. It has checked the ranges (uf_range_check()), and holds no lock. May sleep
 * and fault. Returns the bytes filled, or if there are none: -ENOENT, -EINVAL, -EEXIST, -EFAULT,
 * -EIO, -ENOMEM, -EINTR, -EAGAIN, as in the uapi header.
 */
long uf_fill(struct uf_ctx *ctx, struct uf_fill fill);

/* The same without holding it; also returns -ESRCH: the process is gone. */
long uf_fill_foreign(struct uf_ctx *ctx, struct uf_fill fill);

#endif /* UF_FILL_H */
