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

#include "change.h"

struct uf_ctx;

/* A move between its halves, or one that a forked child has inherited. */
struct uf_moved {
	struct list_head entry;
	struct task_struct *task;	/* whose system call it is; NULL: inherited */
	struct uf_change change;	/* if it is to be told of */
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
 * An observer of copy_vma(), see hook.h: @arguments are a pointer to a pointer to a VMA of ours, and
 * address, length and page offset in the file of the copy that is to be made of it. The mmap lock is
 * held for writing.
 */
void uf_moved_observe(const unsigned long *arguments);

/* In the first half: whether @vma is what was moved, and nothing else. */
bool uf_moved_is_all_of(const struct uf_ctx *ctx, const struct vm_area_struct *vma);

/* In the first half: wake whoever waits for a page at its old place. */
void uf_moved_wake_source(struct uf_ctx *ctx);

/*
 * In the first half. If the move is to be @told of, mappings are changing until uf_moved_end(); else
 * what moved is to be unregistered. The caller holds @ctx. May sleep.
 */
void uf_moved_begin(struct uf_ctx *ctx, bool told);

/* In the second half, by the same thread. */
void uf_moved_end(struct uf_ctx *ctx, bool told);

/*
 * What is to be unregistered in @parent's memory is so in that of @child, a copy of it that nobody
 * uses yet. Both mmap locks are held for writing. May sleep. ENOMEM.
 */
int uf_moves_inherit(struct uf_ctx *child, struct uf_ctx *parent);

/*
 * Whether anything may be under way. Without moves->lock; whoever asks has the mmap lock, or that of
 * the VMA where something moved to, and so sees what began before.
 */
static inline bool uf_moves_any(const struct uf_moves *moves)
{
	return !list_empty(&moves->list);
}

/* Whether @addr is to be unregistered. */
bool uf_moved_covers(struct uf_ctx *ctx, unsigned long addr);

/*
 * A range that is to be unregistered, which the caller does before uf_moved_settled(); false: there
 * is none. The mmap lock is held for writing over both.
 */
bool uf_moved_next(struct uf_ctx *ctx, unsigned long *start, unsigned long *end);
void uf_moved_settled(struct uf_ctx *ctx, unsigned long start, unsigned long end);

#endif /* UF_MOVED_H */
