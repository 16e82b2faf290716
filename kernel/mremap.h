/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ranges that mremap() moves memory to. event.c decides what happens to that memory, and
 * records here which ranges are still to be unregistered.
 *
 * Overview
 *
 * mremap() makes a mapping at the new place, moves the page tables, calls us (the first half of an
 * event), unmaps the old place, drops the mmap lock, and calls us again (the second half). A
 * context without UFFD_FEATURE_EVENT_REMAP loses the moved memory. But mm may have merged the new
 * mapping with a neighbour that is registered too and didn't move. The first half then gets both as
 * one VMA, and mustn't split it, because mremap() goes on using that VMA. So uf_mremaps_note()
 * records the exact range when mremap() copies the VMA, and the second half unregisters the range
 * if it was merged. Three others do that themselves if they come sooner: REGISTER, so that the
 * second half doesn't undo the new registration; a fault in the range, so that the monitor reads no
 * message about it; and UNREGISTER. Other commands go on meanwhile, as they do for a context
 * without the feature: what they do to such a range is undone when it is unregistered, or harmless.
 *
 * If a fork comes in between, the child's context gets the mapping, and the ranges that are still
 * to be unregistered.
 *
 * Locking and field protection
 *
 *	mremaps->from, to, len		the mmap lock, for writing, from the copy to the first half
 *	mremaps->list, moved->start and end
 *					mremaps->lock, a leaf that no interrupt handler takes; a
 *					thread that changes start or end also holds the mmap lock
 *					for writing
 */
#ifndef UF_MREMAP_H
#define UF_MREMAP_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/spinlock.h>

/* A move between its halves, or one that a forked child has inherited. */
struct uf_mremapped {
	struct list_head entry;
	struct task_struct *task;	/* whose system call it is; NULL: inherited */
	unsigned long start, end;	/* still to be unregistered; empty if nothing is */
};

struct uf_mremaps {
	unsigned long from, to, len;	/* of the last copy */
	spinlock_t lock;
	struct list_head list;
};

/* Start without moves. No thread may use @mremaps yet. */
void uf_mremaps_init(struct uf_mremaps *mremaps);

/* Free the inherited entries. No thread may use @mremaps any more. */
void uf_mremaps_destroy(struct uf_mremaps *mremaps);

/*
 * mremap() is about to copy [@from, @from + @len) to @to. The caller holds the mmap lock for
 * writing. This calls nothing that could be traced, because an ftrace callback calls it.
 */
static __always_inline void uf_mremaps_note(struct uf_mremaps *mremaps, unsigned long from,
					    unsigned long to, unsigned long len)
{
	mremaps->from = from;
	mremaps->to = to;
	mremaps->len = len;
}

/* In the first half: whether @vma is exactly the range that moved. */
bool uf_mremap_is_all_of(const struct uf_mremaps *mremaps, const struct vm_area_struct *vma);

/*
 * In the first half: enter the current thread's move, @moved, which stays in the list until
 * uf_mremap_end(). @unregister: the range that moved is still to be unregistered. The caller holds
 * the mmap lock of @mm, the context's, for writing.
 */
void uf_mremap_begin(struct uf_mremaps *mremaps, struct uf_mremapped *moved, struct mm_struct *mm,
		     bool unregister);

/*
 * In the second half: remove the current thread's move, and return it. NULL: the thread has none.
 */
struct uf_mremapped *uf_mremap_end(struct uf_mremaps *mremaps);

/* Whether the current thread has a move between its halves. */
bool uf_mremap_is_own(struct uf_mremaps *mremaps);

/*
 * Copy the ranges that are still to be unregistered from @parent to @child: the child's memory is a
 * copy of the parent's. No thread uses @child yet. The caller holds the mmap lock of @parent_mm for
 * writing. May sleep. ENOMEM.
 */
int uf_mremaps_inherit(struct uf_mremaps *child, struct uf_mremaps *parent,
		       struct mm_struct *parent_mm);

/*
 * Whether a move may be under way. Doesn't take mremaps->lock: the caller holds the mmap lock, or
 * the lock of the VMA that memory moved to, and so sees each move that began before.
 */
static inline bool uf_mremaps_any(const struct uf_mremaps *mremaps)
{
	return !list_empty(&mremaps->list);
}

/* Whether @addr lies in a range that is still to be unregistered. */
bool uf_mremap_covers(struct uf_mremaps *mremaps, unsigned long addr);

/*
 * Get a range that is still to be unregistered. False: there is none. The caller unregisters the
 * range, then calls uf_mremap_settled(), and holds the mmap lock of @mm, the context's, for writing
 * from one call to the other.
 */
bool uf_mremap_next(struct uf_mremaps *mremaps, struct mm_struct *mm, unsigned long *start,
		    unsigned long *end);
void uf_mremap_settled(struct uf_mremaps *mremaps, struct mm_struct *mm, unsigned long start,
		       unsigned long end);

#endif /* UF_MREMAP_H */
