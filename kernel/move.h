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

#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>

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

/* A move under way. */
struct uf_moving {
	struct mm_struct *mm;
	struct vm_area_struct *dst_vma, *src_vma;
	pmd_t *dst_pmd, *src_pmd;	/* of the next step */
	unsigned long dst, src;		/* where it begins */
	unsigned long len;		/* what is left of the move */
	unsigned long reach;		/* as far as one page table goes on either side */
	/* Since a page was moved last: */
	unsigned int idle;		/* steps that could do nothing about a large folio */
	unsigned int tries;		/* of these, to split one that others refer to */
	struct mmu_notifier_range range;	/* of the step */
	bool told;			/* to somebody who has a secondary page table */
	bool holes;
};

/*
 * One step. There is a page table at the source, and one at the destination; or a huge page, or an
 * entry in its place, at the source. Returns the bytes moved, or an error; -EAGAIN: look again.
 */
long uf_move_run(struct uf_moving *moving);
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
long uf_move_huge(struct uf_moving *moving);
#else
static inline long uf_move_huge(struct uf_moving *moving)
{
	return -EAGAIN;		/* what looked like a huge page has become something else */
}
#endif

/*
 * @entry, of @pmd, is neither a huge page nor a page table nor none: wait until a migration is
 * over. -EAGAIN: look again; @other: it isn't one, but memory that is with a device.
 */
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
int uf_move_wait_huge(struct mm_struct *mm, pmd_t *pmd, pmd_t entry, int other);
#else
static inline int uf_move_wait_huge(struct mm_struct *mm, pmd_t *pmd, pmd_t entry, int other)
{
	return other;
}
#endif

/* The page-table locks of both sides, which may be one. */
void uf_move_lock(spinlock_t *dst_ptl, spinlock_t *src_ptl);
void uf_move_unlock(spinlock_t *dst_ptl, spinlock_t *src_ptl);

#endif /* UF_MOVE_H */
