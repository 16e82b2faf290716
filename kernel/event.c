// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events; see event.h.
 *
 * The second halves that get a list find native entries on it too. They queue all events of ours
 * before they wait for any reader, native readers included. One monitor may serve several contexts,
 * and must find in each of them the event that it has to read before its commands go on.
 *
 * An entry of ours holds its context, which pins the module. After a thread has put the context, it
 * does nothing that can sleep, see hooks.c; freeing memory can sleep on a PREEMPT_RT kernel. The
 * kernel's function handles the native entries while ours are still held, so the module stays while
 * native code sleeps below us.
 */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/task_work.h>

#include "compat/native.h"
#include "ctx.h"
#include "event.h"
#include "event_queue.h"
#include "hook.h"
#include "compat/ksyms.h"
#include "mremap.h"
#include "region.h"

/* Clears the whole union: .reserved is as long as the union. So no byte of the stack leaks. */
#define UF_EVENT_MSG(kind) { .event = (kind), .arg.reserved = { 0 } }

/* Our entry on mm's list for a fork. */
struct uf_fork {
	struct uf_fork_entry entry;
	struct uf_change change;
	struct uf_event event;
};

/* A move, from the first half to the second. */
struct uf_mremap {
	struct uf_mremapped moved;
	struct uf_change change;	/* only with UFFD_FEATURE_EVENT_REMAP */
};

/* Our entry on mm's list for an unmapping. */
struct uf_unmap {
	struct uf_unmap_entry entry;
	struct uf_change change;
	struct uf_event event;
	struct callback_head at_exit;	/* runs when the system call is over; holds the context */
	unsigned long first;		/* where the context's first VMA in the range begins */
	unsigned int hold;		/* of the mmap lock, in which that VMA was locked */
	bool has_exit;
	bool queued;			/* the event */
	bool over;
};

/* Nobody is charged for them: Documentation/security.rst says how much that can be. */
static_assert(sizeof(struct uf_fork) < 256);
static_assert(sizeof(struct uf_unmap) < 256);

static struct uf_fork *uf_fork_of(struct uf_fork_entry *entry)
{
	return container_of(entry, struct uf_fork, entry);
}

static struct uf_unmap *uf_unmap_of(struct uf_unmap_entry *entry)
{
	return container_of(entry, struct uf_unmap, entry);
}

static bool uf_event_wanted(const struct uf_ctx *ctx, unsigned int feature)
{
	return ctx->view.features & feature;
}

/* Take a reference to @ctx, and count its mappings as changing until uf_change_end(). */
static void uf_event_begin(struct uf_ctx *ctx, struct uf_change *change)
{
	uf_ctx_get(ctx);
	uf_change_begin(&ctx->changes, change);
}

/*
 * Queue @event, and wake the readers and the waiting commands. The caller holds @ctx, and no lock.
 */
static void uf_event_post(struct uf_ctx *ctx, struct uf_event *event)
{
	trace_event_queued(ctx->id, event->msg.event);
	uf_event_push(&ctx->events, event);
	uf_ctx_announce(ctx);
	uf_changes_announce(&ctx->changes);
}

static struct uf_ctx *uf_event_child(const struct uf_ctx *parent, const struct list_head *forks)
{
	struct uf_fork_entry *entry;

	list_for_each_entry(entry, forks, list)
		if (entry->orig == &parent->view)
			return uf_ctx_from_view(entry->new);
	return NULL;
}

/* A new context for the child's @mm, entered on @forks. NULL: no memory. */
static struct uf_ctx *uf_event_new_child(struct uf_ctx *parent, struct mm_struct *mm,
					 struct list_head *forks)
{
	struct uf_ctx *child;
	struct uf_fork *fork;

	fork = kmalloc(sizeof(*fork), GFP_KERNEL);
	if (!fork)
		return NULL;
	child = uf_ctx_alloc(mm, parent->view.flags, parent->view.features);
	if (IS_ERR(child))
		goto free;
	if (uf_counters_prepare(&child->counters) ||
	    uf_mremaps_inherit(&child->mremaps, &parent->mremaps, parent->view.mm))
		goto put;

	atomic64_set(&child->modes, atomic64_read(&parent->modes));
	uf_event_begin(parent, &fork->change);
	fork->event = (struct uf_event){ .msg = UF_EVENT_MSG(UFFD_EVENT_FORK), .child = child };
	fork->entry.orig = &parent->view;
	fork->entry.new = &child->view;
	list_add_tail(&fork->entry.list, forks);
	return child;

put:
	uf_ctx_put(child);
free:
	kfree(fork);
	return NULL;
}

int uf_event_fork(struct vm_area_struct *vma, struct list_head *forks)
{
	struct uf_ctx *parent = uf_ctx_of(vma);
	struct uf_ctx *child;

	lockdep_assert_held_write(&vma->vm_mm->mmap_lock);
	lockdep_assert_held_write(&parent->view.mm->mmap_lock);

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
 * Once a reader has read the event, only the child's file holds the child's context. Otherwise no
 * monitor will ever serve the child, and the reference is still ours.
 */
static void uf_event_await_fork(struct uf_ctx *parent, struct uf_fork *fork)
{
	struct uf_ctx *child = fork->event.child;

	if (uf_event_await(&parent->events, &fork->event))
		return;
	uf_region_forget_all(child);
	uf_ctx_put(child);
}

static void uf_event_end_fork(struct uf_fork *fork, bool forked)
{
	struct uf_ctx *parent = uf_ctx_from_view(fork->entry.orig);

	if (forked)
		uf_event_await_fork(parent, fork);
	else
		uf_ctx_put(fork->event.child);
	list_del(&fork->entry.list);
	uf_change_end(&parent->changes, &fork->change);
	kfree(fork);
	uf_ctx_put(parent);
}

/* Move the native entries to @native, and, if @forked, queue the events of our entries. */
static void uf_event_sort_forks(struct list_head *forks, bool forked, struct list_head *native)
{
	struct uf_fork_entry *entry, *next;
	struct uf_ctx *parent;

	list_for_each_entry_safe(entry, next, forks, list) {
		parent = uf_ctx_from_view(entry->orig);
		if (!parent)
			list_move_tail(&entry->list, native);
		else if (forked)
			uf_event_post(parent, &uf_fork_of(entry)->event);
	}
}

static void uf_event_end_forks(struct list_head *forks, bool forked)
{
	struct uf_fork_entry *entry, *next;
	LIST_HEAD(native);

	uf_event_sort_forks(forks, forked, &native);
	if (list_empty(&native))
		;	/* nothing to pass on */
	else if (forked)
		uf_ksym(dup_userfaultfd_complete)(&native);
	else
		uf_compat_fork_failed(&native);
	list_for_each_entry_safe(entry, next, forks, list)
		uf_event_end_fork(uf_fork_of(entry), forked);
}

void uf_event_fork_complete(struct list_head *forks)
{
	uf_event_end_forks(forks, true);
}

/* VMAs of the child may still point to its context, but mm tears its address space down unused. */
void uf_event_fork_fail(struct list_head *forks)
{
	uf_event_end_forks(forks, false);
}

void notrace uf_event_copy_vma(const unsigned long *arguments)
{
	struct vm_area_struct *vma = *(struct vm_area_struct **)arguments[0];
	unsigned long from = vma->vm_start + ((arguments[3] - vma->vm_pgoff) << PAGE_SHIFT);

	uf_mremaps_note(&uf_ctx_of(vma)->mremaps, from, arguments[1], arguments[2]);
}

/* The first half can't return an error to mm, so its allocation mustn't fail. */
static void uf_event_mremap_begin(struct uf_ctx *ctx, bool wanted)
{
	struct uf_mremap *mremap = kmalloc(sizeof(*mremap), GFP_KERNEL | __GFP_NOFAIL);

	uf_ctx_get(ctx);
	if (wanted)
		uf_change_begin(&ctx->changes, &mremap->change);
	uf_mremap_begin(&ctx->mremaps, &mremap->moved, ctx->view.mm, !wanted);
}

/*
 * If the monitor doesn't want the event, the moved memory is an ordinary mapping from here on. But
 * if mm has merged it into a mapping that didn't move, this can't split the VMA, because mremap()
 * still uses it. Then the second half unregisters the range, or an earlier command or fault does,
 * see mremap.h.
 *
 * This wakes the waiters at the old place. The copy may be longer than the range that moved: waking
 * too many does no harm.
 */
void uf_event_mremap(struct vm_area_struct *vma, struct vm_userfaultfd_ctx *kept)
{
	struct uf_ctx *ctx = uf_ctx_of(vma);
	bool wanted = uf_event_wanted(ctx, UFFD_FEATURE_EVENT_REMAP);

	lockdep_assert_held_write(&vma->vm_mm->mmap_lock);

	uf_ctx_wake(ctx, ctx->mremaps.from, ctx->mremaps.len);
	if (!wanted && uf_mremap_is_all_of(&ctx->mremaps, vma)) {
		uf_region_release(vma);
		return;
	}
	uf_event_mremap_begin(ctx, wanted);
	kept->ctx = &ctx->view;
}

static void uf_event_mremap_end(struct uf_ctx *ctx)
{
	bool wanted = uf_event_wanted(ctx, UFFD_FEATURE_EVENT_REMAP);
	struct uf_mremap *mremap;
	struct uf_mremapped *moved;

	if (!wanted)
		uf_region_settle(ctx);
	moved = uf_mremap_end(&ctx->mremaps);
	if (!WARN_ON_ONCE(!moved)) {
		mremap = container_of(moved, struct uf_mremap, moved);
		if (wanted)
			uf_change_end(&ctx->changes, &mremap->change);
		kfree(mremap);
	}
	uf_ctx_put(ctx);
}

/* Kernels without mremap_userfaultfd_fail() pass an error here as @to. */
void uf_event_mremap_complete(struct vm_userfaultfd_ctx *kept, unsigned long from,
			      unsigned long to, unsigned long len)
{
	struct uf_event event = { .msg = UF_EVENT_MSG(UFFD_EVENT_REMAP) };
	struct uf_ctx *ctx = uf_ctx_from_view(kept->ctx);

	event.msg.arg.remap.from = from;
	event.msg.arg.remap.to = to;
	event.msg.arg.remap.len = len;
	if (PAGE_ALIGNED(to) && uf_event_wanted(ctx, UFFD_FEATURE_EVENT_REMAP)) {
		uf_event_post(ctx, &event);
		uf_event_await(&ctx->events, &event);
	}
	uf_event_mremap_end(ctx);
}

void uf_event_mremap_fail(struct vm_userfaultfd_ctx *kept)
{
	uf_event_mremap_end(uf_ctx_from_view(kept->ctx));
}

bool uf_event_remove(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	struct uf_event event = { .msg = UF_EVENT_MSG(UFFD_EVENT_REMOVE) };
	struct uf_ctx *ctx = uf_ctx_of(vma);
	struct uf_change change;

	lockdep_assert_held(&vma->vm_mm->mmap_lock);

	if (!uf_event_wanted(ctx, UFFD_FEATURE_EVENT_REMOVE))
		return true;

	uf_event_begin(ctx, &change);
	mmap_read_unlock(vma->vm_mm);
	event.msg.arg.remove.start = start;
	event.msg.arg.remove.end = end;
	uf_event_post(ctx, &event);
	uf_event_await(&ctx->events, &event);
	uf_change_end(&ctx->changes, &change);
	uf_ctx_put(ctx);
	return false;
}

/* One unmapping is one event per context, however many VMAs it covers. */
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
 * Wake the waiters for pages of @vma, so that they find the pages gone. The VMA is locked against
 * faults until the unmapping is done or has failed, so no thread becomes a waiter there again
 * before that.
 */
static void uf_event_wake_unmapped(struct uf_ctx *ctx, const struct vm_area_struct *vma,
				   unsigned long start, unsigned long end)
{
	start = max(start, vma->vm_start);
	end = min(end, vma->vm_end);
	uf_ctx_wake(ctx, start, end - start);
}

static void uf_event_end_unmap(struct uf_unmap *unmap)
{
	struct uf_ctx *ctx = uf_ctx_from_view(unmap->entry.ctx);

	if (unmap->queued)
		uf_event_await(&ctx->events, &unmap->event);
	list_del(&unmap->entry.list);
	uf_change_end(&ctx->changes, &unmap->change);
	unmap->over = true;
	if (!unmap->has_exit) {
		kfree(unmap);
		uf_ctx_put(ctx);
	}
}

/*
 * The system call is over. If brk() fails after the first half, it drops its list: then it has
 * unmapped nothing, and there is no event.
 */
static void uf_event_unmap_exit(struct callback_head *at_exit)
{
	struct uf_unmap *unmap = container_of(at_exit, struct uf_unmap, at_exit);
	struct uf_ctx *ctx = uf_ctx_from_view(unmap->entry.ctx);

	if (!unmap->over)
		uf_change_end(&ctx->changes, &unmap->change);
	kfree(unmap);
	uf_ctx_put(ctx);
}

/* Kernel threads run no task work at the end of a system call. */
static bool uf_event_unmap_at_exit(struct uf_unmap *unmap)
{
	init_task_work(&unmap->at_exit, uf_event_unmap_exit);
	return !(current->flags & PF_KTHREAD) &&
	       !task_work_add(current, &unmap->at_exit, TWA_RESUME);
}

int uf_event_unmap(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		   struct list_head *unmaps)
{
	struct uf_ctx *ctx = uf_ctx_of(vma);
	struct uf_unmap *unmap;

	lockdep_assert_held_write(&vma->vm_mm->mmap_lock);

	uf_event_wake_unmapped(ctx, vma, start, end);
	if (!uf_event_wanted(ctx, UFFD_FEATURE_EVENT_UNMAP) ||
	    uf_event_unmap_listed(ctx, start, end, unmaps))
		return 0;

	unmap = kmalloc(sizeof(*unmap), GFP_KERNEL);
	if (!unmap)
		return -ENOMEM;
	uf_event_begin(ctx, &unmap->change);
	unmap->event = (struct uf_event){ .msg = UF_EVENT_MSG(UFFD_EVENT_UNMAP) };
	unmap->event.msg.arg.remove.start = start;
	unmap->event.msg.arg.remove.end = end;
	unmap->first = max(start, vma->vm_start);
	unmap->hold = uf_compat_vma_hold(vma);
	unmap->queued = false;
	unmap->over = false;
	unmap->entry.ctx = &ctx->view;
	unmap->entry.start = start;
	unmap->entry.end = end;
	list_add_tail(&unmap->entry.list, unmaps);
	unmap->has_exit = uf_event_unmap_at_exit(unmap);
	return 0;
}

#if !UF_HAS_UNMAP_BY_VMA

/* The number of uf_event_unmap_mm() calls under way. */
static atomic_t uf_event_unmap_calls;

static int uf_event_unmap_ours(struct mm_struct *mm, unsigned long start, unsigned long end,
			       struct list_head *unmaps)
{
	VMA_ITERATOR(vmi, mm, start);
	struct vm_area_struct *vma;
	int err;

	for_each_vma_range(vmi, vma, end) {
		if (!uf_ctx_of(vma))
			continue;
		err = uf_event_unmap(vma, start, end, unmaps);
		if (err)
			return err;
	}
	return 0;
}

int uf_event_unmap_mm(struct mm_struct *mm, unsigned long start, unsigned long end,
		      struct list_head *unmaps)
{
	int err;

	atomic_inc(&uf_event_unmap_calls);
	err = uf_event_unmap_ours(mm, start, end, unmaps) ?:
	      uf_ksym(userfaultfd_unmap_prep)(mm, start, end, unmaps);
	atomic_dec(&uf_event_unmap_calls);
	return err;
}

void uf_event_drain(void)
{
	uf_hook_drain(&uf_event_unmap_calls);
}

#endif

/*
 * mm may have failed after the first half, and calls the second one all the same. Then the VMA is
 * still there, and mostly nobody has locked it since: if another thread came first that forks, for
 * example, the event is sent as upstream sends it. Any other VMA at its place was made there, or
 * has grown there, in a later hold of the mmap lock, and was locked in that one. Except if mremap()
 * has unmapped the place where it moved registered memory to: that is a single hold, and the first
 * half of the move came after the unmapping.
 */
static bool uf_event_unmap_failed(struct mm_struct *mm, struct uf_unmap *unmap)
{
	struct uf_ctx *ctx = uf_ctx_from_view(unmap->entry.ctx);
	struct uf_lock_wait wait;
	struct vm_area_struct *vma;
	bool failed, locked;

	if (!UF_HAS_VMA_HOLD)
		return false;
	uf_lock_wait_begin(&wait);
	locked = !mmap_read_lock_killable(mm);
	uf_lock_wait_end(&wait);
	if (!locked)
		return false;	/* a thread that is being killed reports it, as upstream */
	vma = vma_lookup(mm, unmap->first);
	failed = vma && uf_ctx_of(vma) == ctx && uf_compat_vma_hold(vma) == unmap->hold &&
		 !uf_mremap_is_own(&ctx->mremaps);
	mmap_read_unlock(mm);
	return failed;
}

static void uf_event_queue_unmap(struct mm_struct *mm, struct uf_unmap *unmap)
{
	unmap->queued = !uf_event_unmap_failed(mm, unmap);
	if (unmap->queued)
		uf_event_post(uf_ctx_from_view(unmap->entry.ctx), &unmap->event);
}

/* Move the native entries to @native, and queue the events of our entries. */
static void uf_event_sort_unmaps(struct mm_struct *mm, struct list_head *unmaps,
				 struct list_head *native)
{
	struct uf_unmap_entry *entry, *next;

	list_for_each_entry_safe(entry, next, unmaps, list) {
		if (uf_ctx_from_view(entry->ctx))
			uf_event_queue_unmap(mm, uf_unmap_of(entry));
		else
			list_move_tail(&entry->list, native);
	}
}

void uf_event_unmap_complete(struct mm_struct *mm, struct list_head *unmaps)
{
	struct uf_unmap_entry *entry, *next;
	LIST_HEAD(native);

	uf_event_sort_unmaps(mm, unmaps, &native);
	if (!list_empty(&native))
		uf_ksym(userfaultfd_unmap_complete)(mm, &native);
	list_for_each_entry_safe(entry, next, unmaps, list)
		uf_event_end_unmap(uf_unmap_of(entry));
}
