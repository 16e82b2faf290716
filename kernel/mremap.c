// SPDX-License-Identifier: GPL-2.0-only
/* The ranges that mremap() moves memory to; see mremap.h. event.c decides what happens to it. */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/slab.h>

#include "mremap.h"

void uf_mremaps_init(struct uf_mremaps *mremaps)
{
	spin_lock_init(&mremaps->lock);
	INIT_LIST_HEAD(&mremaps->list);
}

void uf_mremaps_destroy(struct uf_mremaps *mremaps)
{
	struct uf_mremapped *moved, *next;

	list_for_each_entry_safe(moved, next, &mremaps->list, entry)
		kfree(moved);
	INIT_LIST_HEAD(&mremaps->list);
}

bool uf_mremap_is_all_of(const struct uf_mremaps *mremaps, const struct vm_area_struct *vma)
{
	mmap_assert_write_locked(vma->vm_mm);

	return vma->vm_start == mremaps->to && vma->vm_end - vma->vm_start == mremaps->len;
}

static void uf_mremap_add(struct uf_mremaps *mremaps, struct uf_mremapped *moved)
{
	spin_lock(&mremaps->lock);
	list_add_tail(&moved->entry, &mremaps->list);
	spin_unlock(&mremaps->lock);
}

void uf_mremap_begin(struct uf_mremaps *mremaps, struct uf_mremapped *moved, struct mm_struct *mm,
		     bool unregister)
{
	mmap_assert_write_locked(mm);

	moved->task = current;
	moved->start = mremaps->to;
	moved->end = unregister ? mremaps->to + mremaps->len : mremaps->to;
	uf_mremap_add(mremaps, moved);
}

/*
 * Get the @n-th range that is still to be unregistered. The mmap lock, held for writing, keeps
 * their number and order from changing between two calls.
 */
static bool uf_mremap_find(struct uf_mremaps *mremaps, struct mm_struct *mm, unsigned int n,
			   unsigned long *start, unsigned long *end)
{
	struct uf_mremapped *moved;
	bool found = false;

	mmap_assert_write_locked(mm);

	spin_lock(&mremaps->lock);
	list_for_each_entry(moved, &mremaps->list, entry) {
		if (moved->start == moved->end || n--)
			continue;
		*start = moved->start;
		*end = moved->end;
		found = true;
		break;
	}
	spin_unlock(&mremaps->lock);
	return found;
}

int uf_mremaps_inherit(struct uf_mremaps *child, struct uf_mremaps *parent,
		       struct mm_struct *parent_mm)
{
	unsigned long start, end;
	struct uf_mremapped *copy;
	unsigned int n;

	for (n = 0; uf_mremap_find(parent, parent_mm, n, &start, &end); n++) {
		copy = kmalloc(sizeof(*copy), GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
		copy->task = NULL;
		copy->start = start;
		copy->end = end;
		uf_mremap_add(child, copy);
	}
	return 0;
}

/* A thread has at most one move under way. */
static struct uf_mremapped *uf_mremap_own(struct uf_mremaps *mremaps)
{
	struct uf_mremapped *moved, *own = NULL;

	lockdep_assert_held(&mremaps->lock);

	list_for_each_entry(moved, &mremaps->list, entry)
		if (moved->task == current)
			own = moved;
	return own;
}

bool uf_mremap_is_own(struct uf_mremaps *mremaps)
{
	bool own;

	spin_lock(&mremaps->lock);
	own = uf_mremap_own(mremaps);
	spin_unlock(&mremaps->lock);
	return own;
}

struct uf_mremapped *uf_mremap_end(struct uf_mremaps *mremaps)
{
	struct uf_mremapped *own;

	spin_lock(&mremaps->lock);
	own = uf_mremap_own(mremaps);
	if (own)
		list_del(&own->entry);
	spin_unlock(&mremaps->lock);
	return own;
}

bool uf_mremap_covers(struct uf_mremaps *mremaps, unsigned long addr)
{
	struct uf_mremapped *moved;
	bool covers = false;

	spin_lock(&mremaps->lock);
	list_for_each_entry(moved, &mremaps->list, entry)
		covers |= addr >= moved->start && addr < moved->end;
	spin_unlock(&mremaps->lock);
	return covers;
}

bool uf_mremap_next(struct uf_mremaps *mremaps, struct mm_struct *mm, unsigned long *start,
		    unsigned long *end)
{
	return uf_mremap_find(mremaps, mm, 0, start, end);
}

/* Frees inherited entries, because no second half will. */
void uf_mremap_settled(struct uf_mremaps *mremaps, struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	struct uf_mremapped *moved, *next;

	mmap_assert_write_locked(mm);

	spin_lock(&mremaps->lock);
	list_for_each_entry_safe(moved, next, &mremaps->list, entry) {
		if (moved->start < start || moved->end > end)
			continue;
		moved->end = moved->start;
		if (!moved->task) {
			list_del(&moved->entry);
			kfree(moved);
		}
	}
	spin_unlock(&mremaps->lock);
}
