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
	unsigned long reach;		/* bytes that the step may move at most; see move.c */
	/* Since a page was moved last: */
	unsigned int idle;		/* steps that could do nothing about a large folio */
	unsigned int tries;		/* of these, attempts to split one that others refer to */
	struct mmu_notifier_range range;	/* of the step */
	bool told;			/* whether notifiers were told of @range */
	bool holes;
};

/*
 * Do one step: uf_move_run() if source and destination have a page table; uf_move_huge() if the
 * source has a huge page, or another entry in its place. Returns the bytes moved, or an error;
 * -EAGAIN: look again.
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
 * @entry of @pmd is not a huge page, a page table or none. If it is a migration entry, wait until
 * the migration is over and return -EAGAIN: look again. Otherwise it is memory on a device: return
 * @other.
 */
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
int uf_move_wait_huge(struct mm_struct *mm, pmd_t *pmd, pmd_t entry, int other);
#else
static inline int uf_move_wait_huge(struct mm_struct *mm, pmd_t *pmd, pmd_t entry, int other)
{
	return other;
}
#endif

/* Take the page-table locks of both sides, which may be the same lock. */
static inline void uf_move_lock(spinlock_t *dst_ptl, spinlock_t *src_ptl)
{
	if (dst_ptl > src_ptl)
		swap(dst_ptl, src_ptl);
	spin_lock(dst_ptl);
	if (src_ptl != dst_ptl)
		spin_lock_nested(src_ptl, SINGLE_DEPTH_NESTING);
	else
		__acquire(src_ptl);	/* balances sparse's count: two locks in any case */
}

static inline void uf_move_unlock(spinlock_t *dst_ptl, spinlock_t *src_ptl)
{
	spin_unlock(dst_ptl);
	if (src_ptl != dst_ptl)
		spin_unlock(src_ptl);
	else
		__release(src_ptl);	/* as above */
}

#endif /* UF_MOVE_STEP_H */
