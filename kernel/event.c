// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events; see event.h.
 *
 * The second halves that get a list find native entries on it too. Each entry is dealt with in its
 * turn, as upstream does, so that a monitor of both sees one order: ours here, a native one by the
 * kernel's function, given a list of that one alone.
 *
 * An entry of ours holds its context, which pins the module. Those that are done with are put when
 * the next of ours is, the last at the very end: so the module stays while native code sleeps below
 * us.
 */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/slab.h>

#include "compat/event_lists.h"
#include "compat/hooks.h"
#include "ctx.h"
#include "event.h"
#include "event_queue.h"
#include "ksyms.h"
#include "region.h"

/* By way of reserved, which is as long as the union: no byte of the stack gets out. */
#define UF_EVENT_MSG(kind) { .event = (kind), .arg.reserved = { 0 } }

static bool uf_event_wanted(const struct uf_ctx *ctx, unsigned int feature)
{
	return ctx->view.features & feature;
}

/* From here until uf_event_end() mappings are changing; holds the context. */
static void uf_event_begin(struct uf_ctx *ctx)
{
	uf_ctx_get(ctx);
	uf_compat_changing_begin(&ctx->view);
}

/* The reference stays, for the caller to put. */
static void uf_event_end(struct uf_ctx *ctx)
{
	uf_compat_changing_end(&ctx->view);
}

/* Put the context of the entry before, and keep that of this one. */
static void uf_event_pin(struct uf_ctx **pinned, struct uf_ctx *ctx)
{
	if (*pinned)
		uf_ctx_put(*pinned);
	*pinned = ctx;
}

static struct uf_ctx *uf_event_child(const struct uf_ctx *parent, const struct list_head *forks)
{
	struct uf_fork_entry *entry;

	list_for_each_entry(entry, forks, list)
		if (entry->orig == &parent->view)
			return uf_ctx_from_view(entry->new);
	return NULL;
}

/* NULL: no memory. */
static struct uf_ctx *uf_event_new_child(struct uf_ctx *parent, struct mm_struct *mm,
					 struct list_head *forks)
{
	struct uf_fork_entry *entry;
	struct uf_ctx *child;

	entry = kmalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		return NULL;
	child = uf_ctx_alloc(mm, parent->view.flags, parent->view.features);
	if (!child) {
		kfree(entry);
		return NULL;
	}

	uf_event_begin(parent);
	entry->orig = &parent->view;
	entry->new = &child->view;
	list_add_tail(&entry->list, forks);
	return child;
}

int uf_event_fork(struct vm_area_struct *vma, struct list_head *forks)
{
	struct uf_ctx *parent = uf_ctx_of(vma);
	struct uf_ctx *child;

	if (!uf_event_wanted(parent, UFFD_FEATURE_EVENT_FORK)) {
		uf_region_forget(vma);
		return 0;
	}

	child = uf_event_child(parent, forks) ?: uf_event_new_child(parent, vma->vm_mm, forks);
	if (!child)
		return -ENOMEM;
	vma->vm_userfaultfd_ctx.ctx = &child->view;
	return 0;
}

/*
 * Once it was told the child's context is its file's alone; else nobody will ever serve the child,
 * and the reference is still ours.
 */
static void uf_event_tell_fork(struct uf_ctx *parent, struct uf_ctx *child)
{
	struct uf_event event = {
		.msg = UF_EVENT_MSG(UFFD_EVENT_FORK),
		.child = child,
	};

	if (uf_event_wait(parent, &event))
		return;
	uf_region_forget_all(child);
	uf_ctx_put(child);
}

static void uf_event_end_fork(struct uf_fork_entry *entry, struct uf_ctx *parent, bool forked)
{
	struct uf_ctx *child = uf_ctx_from_view(entry->new);

	if (forked)
		uf_event_tell_fork(parent, child);
	else
		uf_ctx_put(child);
	uf_event_end(parent);
	list_del(&entry->list);
	kfree(entry);
}

static void uf_event_end_forks(struct list_head *forks, bool forked)
{
	struct uf_ctx *parent, *pinned = NULL;
	struct uf_fork_entry *entry, *next;

	list_for_each_entry_safe(entry, next, forks, list) {
		LIST_HEAD(native);

		parent = uf_ctx_from_view(entry->orig);
		if (parent) {
			uf_event_end_fork(entry, parent, forked);
			uf_event_pin(&pinned, parent);
			continue;
		}
		list_move(&entry->list, &native);
		if (forked)
			uf_ksym(dup_userfaultfd_complete)(&native);
		else
			uf_compat_dup_userfaultfd_fail(&native);
	}
	uf_event_pin(&pinned, NULL);
}

void uf_event_fork_complete(struct list_head *forks)
{
	uf_event_end_forks(forks, true);
}

/* VMAs of the child may still point to its context, but its mm is torn down unused. */
void uf_event_fork_fail(struct list_head *forks)
{
	uf_event_end_forks(forks, false);
}

void uf_event_mremap(struct vm_area_struct *vma, struct vm_userfaultfd_ctx *moved)
{
	struct uf_ctx *ctx = uf_ctx_of(vma);

	if (!uf_event_wanted(ctx, UFFD_FEATURE_EVENT_REMAP)) {
		uf_region_forget(vma);
		return;
	}
	uf_event_begin(ctx);
	moved->ctx = &ctx->view;
}

/* Before there was mremap_userfaultfd_fail(), an error came here as @to. */
void uf_event_mremap_complete(struct vm_userfaultfd_ctx *moved, unsigned long from,
			      unsigned long to, unsigned long len)
{
	struct uf_event event = { .msg = UF_EVENT_MSG(UFFD_EVENT_REMAP) };
	struct uf_ctx *ctx = uf_ctx_from_view(moved->ctx);

	event.msg.arg.remap.from = from;
	event.msg.arg.remap.to = to;
	event.msg.arg.remap.len = len;
	if (PAGE_ALIGNED(to))
		uf_event_wait(ctx, &event);
	uf_event_end(ctx);
	uf_ctx_put(ctx);
}

void uf_event_mremap_fail(struct vm_userfaultfd_ctx *moved)
{
	struct uf_ctx *ctx = uf_ctx_from_view(moved->ctx);

	uf_event_end(ctx);
	uf_ctx_put(ctx);
}

/* Of pages that go, and of mappings that go. */
static void uf_event_tell_range(struct uf_ctx *ctx, unsigned int kind, unsigned long start,
				unsigned long end)
{
	struct uf_event event = { .msg = UF_EVENT_MSG(kind) };

	event.msg.arg.remove.start = start;
	event.msg.arg.remove.end = end;
	uf_event_wait(ctx, &event);
	uf_event_end(ctx);
}

bool uf_event_remove(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	struct uf_ctx *ctx = uf_ctx_of(vma);

	if (!uf_event_wanted(ctx, UFFD_FEATURE_EVENT_REMOVE))
		return true;

	uf_event_begin(ctx);
	mmap_read_unlock(vma->vm_mm);
	uf_event_tell_range(ctx, UFFD_EVENT_REMOVE, start, end);
	uf_ctx_put(ctx);
	return false;
}

/* One unmapping is told once, however many VMAs it is of. */
static bool uf_event_unmap_listed(const struct uf_ctx *ctx, unsigned long start, unsigned long end,
				  const struct list_head *unmaps)
{
	struct uf_unmap_entry *entry;

	list_for_each_entry(entry, unmaps, list)
		if (entry->ctx == &ctx->view && entry->start == start && entry->end == end)
			return true;
	return false;
}

/*
 * Whoever waits for a page of @vma finds out that it is gone: the VMA is locked against faults until
 * the unmapping is done or has failed, so that nobody becomes a waiter of it again before.
 */
static void uf_event_wake_unmapped(struct uf_ctx *ctx, const struct vm_area_struct *vma,
				   unsigned long start, unsigned long end)
{
	start = max(start, vma->vm_start);
	end = min(end, vma->vm_end);
	uf_ctx_wake(ctx, start, end - start);
}

int uf_event_unmap(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		   struct list_head *unmaps)
{
	struct uf_ctx *ctx = uf_ctx_of(vma);
	struct uf_unmap_entry *entry;

	uf_event_wake_unmapped(ctx, vma, start, end);
	if (!uf_event_wanted(ctx, UFFD_FEATURE_EVENT_UNMAP) ||
	    uf_event_unmap_listed(ctx, start, end, unmaps))
		return 0;

	entry = kmalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	uf_event_begin(ctx);
	entry->ctx = &ctx->view;
	entry->start = start;
	entry->end = end;
	list_add_tail(&entry->list, unmaps);
	return 0;
}

void uf_event_unmap_complete(struct mm_struct *mm, struct list_head *unmaps)
{
	struct uf_ctx *ctx, *pinned = NULL;
	struct uf_unmap_entry *entry, *next;

	list_for_each_entry_safe(entry, next, unmaps, list) {
		LIST_HEAD(native);

		ctx = uf_ctx_from_view(entry->ctx);
		if (!ctx) {
			list_move(&entry->list, &native);
			uf_ksym(userfaultfd_unmap_complete)(mm, &native);
			continue;
		}
		uf_event_tell_range(ctx, UFFD_EVENT_UNMAP, entry->start, entry->end);
		list_del(&entry->list);
		kfree(entry);
		uf_event_pin(&pinned, ctx);
	}
	uf_event_pin(&pinned, NULL);
}
