// SPDX-License-Identifier: GPL-2.0-only
/* Where mremap() takes memory; see moved.h. */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/slab.h>

#include "ctx.h"
#include "moved.h"

void uf_moves_init(struct uf_moves *moves)
{
	spin_lock_init(&moves->lock);
	INIT_LIST_HEAD(&moves->list);
}

void uf_moves_destroy(struct uf_moves *moves)
{
	struct uf_moved *moved, *next;

	list_for_each_entry_safe(moved, next, &moves->list, entry)
		kfree(moved);
	INIT_LIST_HEAD(&moves->list);
}

void notrace uf_moved_observe(const unsigned long *arguments)
{
	struct vm_area_struct *vma = *(struct vm_area_struct **)arguments[0];
	struct uf_moves *moves = &uf_ctx_of(vma)->moves;

	moves->to = arguments[1];
	moves->len = arguments[2];
	moves->from = vma->vm_start + ((arguments[3] - vma->vm_pgoff) << PAGE_SHIFT);
}

bool uf_moved_is_all_of(const struct uf_ctx *ctx, const struct vm_area_struct *vma)
{
	mmap_assert_write_locked(ctx->view.mm);

	return vma->vm_start == ctx->moves.to && vma->vm_end - vma->vm_start == ctx->moves.len;
}

/* The copy may be longer than what was moved: to wake too many does no harm. */
void uf_moved_wake_source(struct uf_ctx *ctx)
{
	mmap_assert_write_locked(ctx->view.mm);

	uf_ctx_wake(ctx, ctx->moves.from, ctx->moves.len);
}

static void uf_moved_add(struct uf_moves *moves, struct uf_moved *moved)
{
	spin_lock(&moves->lock);
	list_add_tail(&moved->entry, &moves->list);
	spin_unlock(&moves->lock);
}

/* mm's first half can't fail. */
void uf_moved_begin(struct uf_ctx *ctx, bool told)
{
	struct uf_moves *moves = &ctx->moves;
	struct uf_moved *moved = kmalloc(sizeof(*moved), GFP_KERNEL | __GFP_NOFAIL);

	mmap_assert_write_locked(ctx->view.mm);

	moved->task = current;
	moved->start = moves->to;
	moved->end = told ? moves->to : moves->to + moves->len;
	if (told)
		uf_change_begin(ctx, &moved->change);
	uf_moved_add(moves, moved);
}

/* The @n-th that is to be unregistered. These come and go with the mmap lock held for writing only. */
static bool uf_moved_find(struct uf_ctx *ctx, unsigned int n, unsigned long *start,
			  unsigned long *end)
{
	struct uf_moves *moves = &ctx->moves;
	struct uf_moved *moved;
	bool found = false;

	mmap_assert_write_locked(ctx->view.mm);

	spin_lock(&moves->lock);
	list_for_each_entry(moved, &moves->list, entry) {
		if (moved->start == moved->end || n--)
			continue;
		*start = moved->start;
		*end = moved->end;
		found = true;
		break;
	}
	spin_unlock(&moves->lock);
	return found;
}

int uf_moves_inherit(struct uf_ctx *child, struct uf_ctx *parent)
{
	unsigned long start, end;
	struct uf_moved *copy;
	unsigned int n;

	for (n = 0; uf_moved_find(parent, n, &start, &end); n++) {
		copy = kmalloc(sizeof(*copy), GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
		copy->task = NULL;
		copy->start = start;
		copy->end = end;
		uf_moved_add(&child->moves, copy);
	}
	return 0;
}

/* A thread has one at most. */
static struct uf_moved *uf_moved_take_own(struct uf_moves *moves)
{
	struct uf_moved *moved, *own = NULL;

	spin_lock(&moves->lock);
	list_for_each_entry(moved, &moves->list, entry)
		if (moved->task == current)
			own = moved;
	if (own)
		list_del(&own->entry);
	spin_unlock(&moves->lock);
	return own;
}

void uf_moved_end(struct uf_ctx *ctx, bool told)
{
	struct uf_moved *moved = uf_moved_take_own(&ctx->moves);

	if (WARN_ON_ONCE(!moved))
		return;
	if (told)
		uf_change_end(ctx, &moved->change);
	kfree(moved);
}

bool uf_moved_covers(struct uf_ctx *ctx, unsigned long addr)
{
	struct uf_moves *moves = &ctx->moves;
	struct uf_moved *moved;
	bool covers = false;

	spin_lock(&moves->lock);
	list_for_each_entry(moved, &moves->list, entry)
		covers |= addr >= moved->start && addr < moved->end;
	spin_unlock(&moves->lock);
	return covers;
}

bool uf_moved_next(struct uf_ctx *ctx, unsigned long *start, unsigned long *end)
{
	return uf_moved_find(ctx, 0, start, end);
}

/* Nobody comes for what was inherited. */
void uf_moved_settled(struct uf_ctx *ctx, unsigned long start, unsigned long end)
{
	struct uf_moves *moves = &ctx->moves;
	struct uf_moved *moved, *next;

	mmap_assert_write_locked(ctx->view.mm);

	spin_lock(&moves->lock);
	list_for_each_entry_safe(moved, next, &moves->list, entry) {
		if (moved->start < start || moved->end > end)
			continue;
		moved->end = moved->start;
		if (!moved->task) {
			list_del(&moved->entry);
			kfree(moved);
		}
	}
	spin_unlock(&moves->lock);
}
