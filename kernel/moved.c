// SPDX-License-Identifier: GPL-2.0-only
/* Where mremap() takes memory; see moved.h. */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/slab.h>

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

bool uf_moved_is_all_of(const struct uf_moves *moves, const struct vm_area_struct *vma)
{
	mmap_assert_write_locked(vma->vm_mm);

	return vma->vm_start == moves->to && vma->vm_end - vma->vm_start == moves->len;
}

static void uf_moved_add(struct uf_moves *moves, struct uf_moved *moved)
{
	spin_lock(&moves->lock);
	list_add_tail(&moved->entry, &moves->list);
	spin_unlock(&moves->lock);
}

void uf_moved_begin(struct uf_moves *moves, struct uf_moved *moved, struct mm_struct *mm,
		    bool unregister)
{
	mmap_assert_write_locked(mm);

	moved->task = current;
	moved->start = moves->to;
	moved->end = unregister ? moves->to + moves->len : moves->to;
	uf_moved_add(moves, moved);
}

/* The @n-th that is to be unregistered. These come and go with the mmap lock held for writing only. */
static bool uf_moved_find(struct uf_moves *moves, struct mm_struct *mm, unsigned int n,
			  unsigned long *start, unsigned long *end)
{
	struct uf_moved *moved;
	bool found = false;

	mmap_assert_write_locked(mm);

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

int uf_moves_inherit(struct uf_moves *child, struct uf_moves *parent, struct mm_struct *parent_mm)
{
	unsigned long start, end;
	struct uf_moved *copy;
	unsigned int n;

	for (n = 0; uf_moved_find(parent, parent_mm, n, &start, &end); n++) {
		copy = kmalloc(sizeof(*copy), GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
		copy->task = NULL;
		copy->start = start;
		copy->end = end;
		uf_moved_add(child, copy);
	}
	return 0;
}

/* A thread has one at most. */
struct uf_moved *uf_moved_end(struct uf_moves *moves)
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

bool uf_moved_covers(struct uf_moves *moves, unsigned long addr)
{
	struct uf_moved *moved;
	bool covers = false;

	spin_lock(&moves->lock);
	list_for_each_entry(moved, &moves->list, entry)
		covers |= addr >= moved->start && addr < moved->end;
	spin_unlock(&moves->lock);
	return covers;
}

bool uf_moved_next(struct uf_moves *moves, struct mm_struct *mm, unsigned long *start,
		   unsigned long *end)
{
	return uf_moved_find(moves, mm, 0, start, end);
}

/* Nobody comes for what was inherited. */
void uf_moved_settled(struct uf_moves *moves, struct mm_struct *mm, unsigned long start,
		      unsigned long end)
{
	struct uf_moved *moved, *next;

	mmap_assert_write_locked(mm);

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
