/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filling: pages where there are none.
 *
 * Overview
 *
 * A fill goes in runs: the pages of one page table that are filled together, or one huge page of
 * hugetlb. For a run the engine (fill.c) finds the VMA and the page table; the memory type's ops
 * (fill_run.h; fill_anon.c, fill_shmem.c, fill_hugetlb.c) prepare the pages without page-table lock,
 * then install them all under it, and count them once.
 *
 * Locking
 *
 * The VMA is locked over as many runs as possible, in the way that the kernel has
 * (uf_compat_vma_lock_fill). Under that lock nothing may fault: a source page that isn't there is
 * copied with no lock held, after which the VMA is looked up, and checked, anew.
 *
 * Atomicity
 *
 * A page is complete before it can be seen, and never replaces another. A fill stops at the first
 * page that it can't do, and reports the bytes before it.
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
 * Do it. The ranges are checked (uf_range_check()), and the caller holds the address space (mmget).
 * May sleep and fault; takes and leaves no lock. Returns the bytes done, or if there are none:
 * -ENOENT, -EINVAL, -EEXIST, -EFAULT, -EIO, -ENOMEM, -EINTR, -EAGAIN, as in the uapi header.
 */
long uf_fill(struct uf_ctx *ctx, struct uf_fill fill);

#endif /* UF_FILL_H */
