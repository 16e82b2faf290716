/* SPDX-License-Identifier: GPL-2.0-only */
/* A step of a move: what move.c, move_run.c and move_huge.c share. */
#ifndef UF_MOVE_STEP_H
#define UF_MOVE_STEP_H

#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/spinlock.h>

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
static inline void uf_move_lock(spinlock_t *dst_ptl, spinlock_t *src_ptl)
{
	if (dst_ptl > src_ptl)
		swap(dst_ptl, src_ptl);
	spin_lock(dst_ptl);
	if (src_ptl != dst_ptl)
		spin_lock_nested(src_ptl, SINGLE_DEPTH_NESTING);
}

static inline void uf_move_unlock(spinlock_t *dst_ptl, spinlock_t *src_ptl)
{
	spin_unlock(dst_ptl);
	if (src_ptl != dst_ptl)
		spin_unlock(src_ptl);
}

#endif /* UF_MOVE_STEP_H */
