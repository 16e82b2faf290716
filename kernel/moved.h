/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where mremap() takes memory of a context.
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
 *	moves->from, to, len		the mmap lock, for writing, from the copy to the first half
 *	moves->list, moved->start, end	moves->lock, a leaf, never taken by an interrupt; start and end
 *					change with the mmap lock held for writing, too
 */
#ifndef UF_MOVED_H
#define UF_MOVED_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/spinlock.h>

/* A move between its halves, or one that a forked child has inherited. */
struct uf_moved {
	struct list_head entry;
	struct task_struct *task;	/* whose system call it is; NULL: inherited */
	unsigned long start, end;	/* what is to be unregistered; empty, if nothing is */
};

struct uf_moves {
	unsigned long from, to, len;	/* the copy that was made last */
	spinlock_t lock;
	struct list_head list;
};

/* Nothing is moved, and nobody uses @moves yet. */
void uf_moves_init(struct uf_moves *moves);

/* Nobody uses @moves any more: forget what was inherited. */
void uf_moves_destroy(struct uf_moves *moves);

/*
 * A copy of [@from, @from + @len) is made at @to. The mmap lock is held for writing. Calls nothing
 * that could be traced: an ftrace callback calls it.
 */
static __always_inline void uf_moves_note(struct uf_moves *moves, unsigned long from,
					  unsigned long to, unsigned long len)
{
	moves->from = from;
	moves->to = to;
	moves->len = len;
}

/* In the first half: whether @vma is what was moved, and nothing else. */
bool uf_moved_is_all_of(const struct uf_moves *moves, const struct vm_area_struct *vma);

/*
 * In the first half: the current thread's move has begun, and stays until uf_moved_end(). If
 * @unregister what moved is to be unregistered. The mmap lock of @mm, the context's, is held for
 * writing.
 */
void uf_moved_begin(struct uf_moves *moves, struct uf_moved *moved, struct mm_struct *mm,
		    bool unregister);

/* In the second half: the same thread's move, which is over. NULL: it has none. */
struct uf_moved *uf_moved_end(struct uf_moves *moves);

/*
 * What is to be unregistered in the parent's memory is so in that of @child, a copy of it that nobody
 * uses yet. The mmap lock of the @parent_mm is held for writing. May sleep. ENOMEM.
 */
int uf_moves_inherit(struct uf_moves *child, struct uf_moves *parent, struct mm_struct *parent_mm);

/*
 * Whether anything may be under way. Without moves->lock; whoever asks has the mmap lock, or that of
 * the VMA where something moved to, and so sees what began before.
 */
static inline bool uf_moves_any(const struct uf_moves *moves)
{
	return !list_empty(&moves->list);
}

/* Whether @addr is to be unregistered. */
bool uf_moved_covers(struct uf_moves *moves, unsigned long addr);

/*
 * A range that is to be unregistered, which the caller does before uf_moved_settled(); false: there
 * is none. The mmap lock of @mm, the context's, is held for writing over both.
 */
bool uf_moved_next(struct uf_moves *moves, struct mm_struct *mm, unsigned long *start,
		   unsigned long *end);
void uf_moved_settled(struct uf_moves *moves, struct mm_struct *mm, unsigned long start,
		      unsigned long end);

#endif /* UF_MOVED_H */
