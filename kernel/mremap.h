/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ranges that mremap() takes memory to: event.c decides what becomes of that memory, and notes
 * here what is still to be unregistered.
 *
 * Overview
 *
 * mremap() makes a mapping at the new place, moves the page tables, calls us (the first half of an
 * event), unmaps the old place, drops the mmap lock, and calls us again (the second half). A context
 * without UFFD_FEATURE_EVENT_REMAP loses what was moved. But the new mapping may have been merged
 * with a neighbour, which is registered too and didn't move; the first half is given them as one VMA,
 * and mustn't split it, because mremap() goes on using what it knows of it. So the exact range is
 * taken down here when mremap() copies the VMA, and what was merged is unregistered by the second
 * half; or sooner, by whoever looks for registered memory meanwhile: a REGISTER, so that what it
 * registers isn't unregistered afterwards, and a fault there, so that nobody is told of it. Meanwhile
 * commands go on, as they do for a context that has nothing to be told: what they do to such a range
 * is undone when it is unregistered, or harmless.
 *
 * A fork in between gives the child's context the mapping, with what is still to be unregistered.
 *
 * Locking and field protection
 *
 *	mremaps->from, to, len		the mmap lock, for writing, from the copy to the first half
 *	mremaps->list, moved->start and end
 *					mremaps->lock, a leaf, never taken by an interrupt; start and end
 *					change with the mmap lock held for writing, too
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
	unsigned long start, end;	/* what is to be unregistered; empty, if nothing is */
};

struct uf_mremaps {
	unsigned long from, to, len;	/* the copy that was made last */
	spinlock_t lock;
	struct list_head list;
};

/* Nothing is moved, and nobody uses @mremaps yet. */
void uf_mremaps_init(struct uf_mremaps *mremaps);

/* Nobody uses @mremaps any more: forget what was inherited. */
void uf_mremaps_destroy(struct uf_mremaps *mremaps);

/*
 * A copy of [@from, @from + @len) is made at @to. The mmap lock is held for writing. Calls nothing
 * that could be traced: an ftrace callback calls it.
 */
static __always_inline void uf_mremaps_note(struct uf_mremaps *mremaps, unsigned long from,
					  unsigned long to, unsigned long len)
{
	mremaps->from = from;
	mremaps->to = to;
	mremaps->len = len;
}

/* In the first half: whether @vma is what was moved, and nothing else. */
bool uf_mremap_is_all_of(const struct uf_mremaps *mremaps, const struct vm_area_struct *vma);

/*
 * In the first half: the current thread's move has begun, and stays until uf_mremap_end(). If
 * @unregister what moved is to be unregistered. The mmap lock of @mm, the context's, is held for
 * writing.
 */
void uf_mremap_begin(struct uf_mremaps *mremaps, struct uf_mremapped *moved, struct mm_struct *mm,
		    bool unregister);

/* In the second half: the same thread's move, which is over. NULL: it has none. */
struct uf_mremapped *uf_mremap_end(struct uf_mremaps *mremaps);

/*
 * What is to be unregistered in the parent's memory is so in that of @child, a copy of it that nobody
 * uses yet. The mmap lock of the @parent_mm is held for writing. May sleep. ENOMEM.
 */
int uf_mremaps_inherit(struct uf_mremaps *child, struct uf_mremaps *parent,
		       struct mm_struct *parent_mm);

/*
 * Whether anything may be under way. Without mremaps->lock; whoever asks has the mmap lock, or that of
 * the VMA where something moved to, and so sees what began before.
 */
static inline bool uf_mremaps_any(const struct uf_mremaps *mremaps)
{
	return !list_empty(&mremaps->list);
}

/* Whether @addr is to be unregistered. */
bool uf_mremap_covers(struct uf_mremaps *mremaps, unsigned long addr);

/*
 * A range that is to be unregistered, which the caller does before uf_mremap_settled(); false: there
 * is none. The mmap lock of @mm, the context's, is held for writing over both.
 */
bool uf_mremap_next(struct uf_mremaps *mremaps, struct mm_struct *mm, unsigned long *start,
		   unsigned long *end);
void uf_mremap_settled(struct uf_mremaps *mremaps, struct mm_struct *mm, unsigned long start,
		      unsigned long end);

#endif /* UF_MREMAP_H */
