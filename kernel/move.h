/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving private anonymous pages to where there are none, without copying them.
 *
 * Overview
 *
 * A move goes in steps (move.c). If a huge page fits, a step moves it whole (move_huge.c).
 * Otherwise the step moves a run (move_run.c): pages that lie in one page table on either side. It
 * moves their folios, their swap entries, the zero page or, if the caller allows it, holes. If a
 * step has to wait, because a folio is locked or has to be split, it moves nothing, waits without
 * page-table locks, and is repeated.
 *
 * Strictness
 *
 * A move takes only folios that nobody else has: exclusive, not pinned, not shared by fork or KSM.
 * Before a page can be seen at its destination, it can no longer be reached at its source.
 *
 * Locking
 *
 * Both VMAs stay locked over the whole move, as in a fill. Inside that the order is: folio,
 * anon_vma, page tables. A run takes these locks the other way round, and therefore trylocks. The
 * folio's lock protects its mapping and index. On some kernels rmap walks an anon_vma without the
 * folio's lock: there the anon_vma is locked too.
 */
#ifndef UF_MOVE_H
#define UF_MOVE_H

#include <linux/types.h>

struct uf_ctx;

struct uf_move {
	unsigned long dst, src, len;	/* page aligned, in the context's memory; len not 0 */
	bool holes;			/* pages missing at the source are no error */
	bool wake_source;		/* wake the waiters of pages that were moved away */
};

/*
 * Move memory of the current process, which has to be the context's. The caller has checked the
 * ranges (uf_range_check()), and holds no lock. May sleep. Returns the bytes moved, or if there are
 * none: -ENOENT, -EINVAL, -EEXIST, -EBUSY, -EFAULT, -ENOMEM, -EINTR, -EAGAIN, as in the uapi header
 * at struct uffdio_move.
 */
long uf_move(struct uf_ctx *ctx, const struct uf_move *move);

#endif /* UF_MOVE_H */
