/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving: private anonymous pages to where there are none, without copying them.
 *
 * Overview
 *
 * A move goes in steps (move.c): a huge page that fits is moved whole (move_huge.c); else a run of
 * pages, those of one page table on either side, is moved together (move_run.c): their folio, their
 * swap entry, the zero page, or, if the caller says so, the hole. Where something has to be waited
 * for, a folio that is locked or has to be split, a step moves nothing, waits without page-table
 * locks, and is done again.
 *
 * Strictness
 *
 * Only folios that nobody else has are moved: exclusive, not pinned, not shared by fork or KSM.
 * What is moved can no longer be reached at its source when it can first be seen at its
 * destination.
 *
 * Locking
 *
 * Both VMAs are locked over the whole move, as for a fill. Then, in this order: folio, anon_vma,
 * page tables. A run takes them the other way round, and so by trylock. The folio's lock keeps its
 * mapping and index, except from those who walk an anon_vma without it, for whom the anon_vma is
 * locked where the kernel has such.
 */
#ifndef UF_MOVE_H
#define UF_MOVE_H

#include <linux/types.h>

struct uf_ctx;

struct uf_move {
	unsigned long dst, src, len;	/* page aligned, in the context's address space; len not 0 */
	bool holes;			/* pages that the source hasn't are no error */
	bool wake_source;		/* whoever waits for a page that was moved away */
};

/*
 * Do it. The ranges are checked (uf_range_check()), the caller holds the address space (mmget). May
 * sleep; takes and leaves no lock. Returns the bytes moved, or if there are none: -ENOENT, -EINVAL,
 * -EEXIST, -EBUSY, -EFAULT, -ENOMEM, -EINTR, -EAGAIN, as in the uapi header at struct uffdio_move.
 */
long uf_move(struct uf_ctx *ctx, const struct uf_move *move);

#endif /* UF_MOVE_H */
