// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registration: which VMAs belong to a context.
 *
 * This file sets and clears a VMA's context pointer and its VM_UFFD_* flags together, with the mmap
 * lock held for writing and the VMA's lock written. Native userfaultfd has a BUG_ON for one without
 * the other, in loops over all VMAs of a process. Each command first checks the whole range, then
 * changes it.
 */
#include <linux/userfault.h>

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "ctx.h"
#include "hugetlb.h"
#include "ksm.h"
#include "mremap.h"
#include "protect.h"
#include "region.h"

/*
 * MAP_DROPPABLE exists since 6.11. Upstream means to refuse it, but in 6.12 a mask hides the flag
 * from the check. 7.2 does refuse it.
 */
#define UF_REGION_REFUSED (VM_SPECIAL | VM_DROPPABLE | VM_SHADOW_STACK)

/*
 * Whether the only mode is asynchronous write protection, where the kernel resolves the faults.
 * That is possible on any memory that has page tables.
 */
static bool uf_region_only_wp_async(const struct uf_ctx *ctx, unsigned long vm_flags)
{
	return ctx->view.features & UFFD_FEATURE_WP_ASYNC &&
	       (vm_flags & __VM_UFFD_FLAGS) == VM_UFFD_WP;
}

/*
 * Ordinary anonymous memory and shmem can be registered, and hugetlb memory. MINOR mode needs a
 * file, because only a file can have pages that aren't mapped.
 */
static bool uf_region_can_register(const struct uf_ctx *ctx, struct vm_area_struct *vma,
				   unsigned long vm_flags)
{
	if (is_vm_hugetlb_page(vma))
		return true;
	if (vma->vm_flags & UF_REGION_REFUSED)
		return false;
	if (uf_region_only_wp_async(ctx, vm_flags) && uf_compat_wp_any_file(vma))
		return true;
	if (vma_is_anonymous(vma))
		return !(vm_flags & VM_UFFD_MINOR);
	return uf_ksym(vma_is_shmem)(vma);
}

/* Memory that upstream can register, so UNREGISTER accepts a range that contains it. */
static bool uf_region_can_unregister(const struct uf_ctx *ctx, struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma))
		return true;
	return !(vma->vm_flags & UF_REGION_REFUSED) &&
	       (vma_is_anonymous(vma) || uf_ksym(vma_is_shmem)(vma) ||
		uf_region_only_wp_async(ctx, vma->vm_flags));
}

/* The flags that a VMA keeps when it is registered with @vm_flags; ksm.h says why. */
static unsigned long uf_region_kept(unsigned long vm_flags)
{
	return vm_flags & UF_PROTECT_MODES ? ~(__VM_UFFD_FLAGS | VM_MERGEABLE) : ~__VM_UFFD_FLAGS;
}

static __always_inline void uf_region_set(struct vm_area_struct *vma, struct userfaultfd_ctx *ctx,
					  unsigned long kept, unsigned long vm_flags)
{
	bool protection_changes = (vma->vm_flags ^ vm_flags) & VM_UFFD_WP;

	mmap_assert_write_locked(vma->vm_mm);

	vma_start_write(vma);
	vma->vm_userfaultfd_ctx.ctx = ctx;
	vm_flags_reset(vma, (vma->vm_flags & kept) | vm_flags);

	/*
	 * Page table entries of shared memory are writable by default, unless it is registered for
	 * write protection.
	 */
	if (vma->vm_flags & VM_SHARED && protection_changes)
		uf_ksym(vma_set_page_prot)(vma);
}

void uf_region_forget(struct vm_area_struct *vma)
{
	uf_region_set(vma, NULL, uf_region_kept(0), 0);
}

/* Unprotect the pages too: no monitor could do that any more. */
void uf_region_release(struct vm_area_struct *vma)
{
	unsigned long mode = vma->vm_flags & UF_PROTECT_MODES;

	mmap_assert_write_locked(vma->vm_mm);

	if (mode) {
		vma_start_write(vma);
		uf_protect_clear(vma, vma->vm_start, vma->vm_end, mode);
	}
	uf_region_forget(vma);
}

void uf_region_forget_all(struct uf_ctx *ctx)
{
	struct mm_struct *mm = ctx->view.mm;
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	for_each_vma(vmi, vma) {
		cond_resched();
		if (vma->vm_userfaultfd_ctx.ctx != &ctx->view)
			continue;
		/* fork() has copied the parent's page tables, whose pages may be protected. */
		uf_region_release(vma);
	}
	mmap_write_unlock(mm);
}

/* A walk over the VMAs of a range, which changes VMAs that are @ctx's or become @ctx's. */
struct uf_region_walk {
	struct uf_ctx *ctx;
	struct vma_iterator vmi;
	struct vm_area_struct *prev;
	unsigned long start;		/* of the rest of the range */
	unsigned long end;
};

static __always_inline void uf_region_walk_begin(struct uf_region_walk *walk, struct uf_ctx *ctx,
						 unsigned long start, unsigned long end)
{
	struct mm_struct *mm = ctx->view.mm;

	mmap_assert_write_locked(mm);

	walk->ctx = ctx;
	walk->start = start;
	walk->end = end;
	vma_iter_init(&walk->vmi, mm, start);
	/* No VMA lies before 0. Closing a context always starts the walk at 0. */
	walk->prev = start ? uf_compat_vma_before(&walk->vmi, start) : NULL;
}

/* The next VMA of the range. The caller has changed or skipped the one before. */
static struct vm_area_struct *uf_region_walk_next(struct uf_region_walk *walk)
{
	struct vm_area_struct *vma;

	if (walk->start >= walk->end)
		return NULL;	/* saves a useless lookup in the tree */
	vma = mas_find(&walk->vmi.mas, walk->end - 1);
	if (!vma)
		return NULL;
	if (vma->vm_start < walk->start)
		walk->prev = vma;
	else
		walk->start = vma->vm_start;
	return vma;
}

/*
 * The next VMA that is the context's; passes over the others. For a walk that doesn't start in the
 * middle of a VMA.
 */
static struct vm_area_struct *uf_region_walk_next_registered(struct uf_region_walk *walk)
{
	struct vm_area_struct *vma;

	while ((vma = mas_find(&walk->vmi.mas, walk->end - 1))) {
		cond_resched();
		if (vma->vm_userfaultfd_ctx.ctx == &walk->ctx->view) {
			walk->start = vma->vm_start;
			break;
		}
		walk->prev = vma;
	}
	return vma;
}

/* A process may have any number of VMAs: a command that walks over them stops if it is killed. */
static bool uf_region_interrupted(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}

static void uf_region_skip(struct uf_region_walk *walk, struct vm_area_struct *vma)
{
	walk->prev = vma;
	walk->start = vma->vm_end;
}

/*
 * Register the part of @vma that is in the range with @vm_flags, or unregister it if @vm_flags is
 * 0. Splits and merges VMAs as needed. After an error the memory is registered as before, though
 * perhaps as two VMAs.
 *
 * Wakes the waiters there: their fault may be resolved, or no monitor may be left to resolve it.
 * They retry the fault once the mmap lock is dropped.
 */
static int uf_region_change(struct uf_region_walk *walk, struct vm_area_struct *vma,
			    unsigned long vm_flags)
{
	struct userfaultfd_ctx *view = vm_flags ? &walk->ctx->view : NULL;
	bool registered = vma->vm_userfaultfd_ctx.ctx;
	unsigned long end = min(walk->end, vma->vm_end);
	unsigned long dropped = vma->vm_flags & UF_PROTECT_MODES & ~vm_flags;
	unsigned long kept = uf_region_kept(vm_flags);

	vma = uf_compat_vma_modify(&walk->vmi, walk->prev, vma, walk->start, end,
				   (vma->vm_flags & kept) | vm_flags, view);
	if (IS_ERR(vma))
		return PTR_ERR(vma);

	/* As in uf_region_release(), but only after the last step that can fail. */
	if (dropped) {
		vma_start_write(vma);
		uf_protect_clear(vma, walk->start, end, dropped);
	}
	uf_region_set(vma, view, kept, vm_flags);
	if (is_vm_hugetlb_page(vma))
		uf_hugetlb_registered(vma);
	if (registered)
		uf_ctx_wake(walk->ctx, walk->start, end - walk->start);
	uf_region_skip(walk, vma);
	return 0;
}

/* Whether [@start, @end) begins or ends within a huge page of @vma. */
static bool uf_region_cuts(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	unsigned long size;

	if (!is_vm_hugetlb_page(vma))
		return false;
	size = vma_kernel_pagesize(vma);
	return (start > vma->vm_start && !IS_ALIGNED(start, size)) ||
	       (end < vma->vm_end && !IS_ALIGNED(end, size));
}

/* Whether @vma is @ctx's already, and @vm_flags would drop one of its protection modes. */
static bool uf_region_drops(const struct uf_ctx *ctx, const struct vm_area_struct *vma,
			    unsigned long vm_flags)
{
	return vma->vm_userfaultfd_ctx.ctx == &ctx->view &&
	       vma->vm_flags & UF_PROTECT_MODES & ~vm_flags;
}

/*
 * Whether @start isn't aligned to the huge pages of @vma, the first VMA of the range. The range may
 * begin in a hole before @vma.
 */
static bool uf_region_begins_askew(struct vm_area_struct *vma, unsigned long start)
{
	return is_vm_hugetlb_page(vma) && !IS_ALIGNED(start, vma_kernel_pagesize(vma));
}

static int uf_region_check_register(struct uf_ctx *ctx, unsigned long start, unsigned long end,
				    unsigned long vm_flags, bool *huge)
{
	VMA_ITERATOR(vmi, ctx->view.mm, start);
	struct vm_area_struct *vma;
	bool found = false;

	for_each_vma_range(vmi, vma, end) {
		if (uf_region_interrupted())
			return -EINTR;
		if (!found && uf_region_begins_askew(vma, start))
			return -EINVAL;
		if (!uf_region_can_register(ctx, vma, vm_flags))
			return -EINVAL;
		if (vm_flags & VM_UFFD_RWP && !vma_is_accessible(vma))
			return -EINVAL;		/* nothing could ever restore access */
		/*
		 * Filling ignores PROT_WRITE: only memory that could be made writable may be
		 * filled.
		 */
		if (!(vma->vm_flags & VM_MAYWRITE))
			return -EPERM;
		if (uf_region_cuts(vma, start, end))
			return -EINVAL;
		if (vma->vm_userfaultfd_ctx.ctx && vma->vm_userfaultfd_ctx.ctx != &ctx->view)
			return -EBUSY;
		if (UF_KEEPS_PROTECTION && uf_region_drops(ctx, vma, vm_flags))
			return -EBUSY;
		if (is_vm_hugetlb_page(vma))
			*huge = true;
		found = true;
		if (vma->vm_end >= end)
			break;
	}
	return found ? 0 : -EINVAL;
}

/*
 * Unregister all VMAs of the range that are @ctx's. The caller holds the mmap lock for writing.
 * EINTR, only if @killable: the caller is being killed.
 */
static int uf_region_clear(struct uf_ctx *ctx, unsigned long start, unsigned long end,
			   bool killable)
{
	struct uf_region_walk walk;
	struct vm_area_struct *vma;
	int err = 0;

	uf_region_walk_begin(&walk, ctx, start, end);
	while (!err && (vma = uf_region_walk_next(&walk))) {
		if (uf_region_interrupted() && killable)
			err = -EINTR;
		else if (vma->vm_userfaultfd_ctx.ctx == &ctx->view)
			err = uf_region_change(&walk, vma, 0);
		else
			uf_region_skip(&walk, vma);
	}
	return err;
}

/*
 * If there is no memory to split a mapping, the moved memory stays registered, and the monitor
 * reads its faults.
 */
static noinline void uf_region_settle_mremaps(struct uf_ctx *ctx)
{
	unsigned long start, end;

	while (uf_mremap_next(&ctx->mremaps, ctx->view.mm, &start, &end)) {
		uf_region_clear(ctx, start, end, false);
		uf_mremap_settled(&ctx->mremaps, ctx->view.mm, start, end);
	}
}

static void uf_region_settle_locked(struct uf_ctx *ctx)
{
	if (unlikely(uf_mremaps_any(&ctx->mremaps)))
		uf_region_settle_mremaps(ctx);
}

void uf_region_settle(struct uf_ctx *ctx)
{
	mmap_write_lock(ctx->view.mm);
	uf_region_settle_locked(ctx);
	mmap_write_unlock(ctx->view.mm);
}

int uf_region_register(struct uf_ctx *ctx, unsigned long start, unsigned long end,
		       unsigned long vm_flags, bool *huge)
{
	struct mm_struct *mm = ctx->view.mm;
	struct uf_region_walk walk;
	struct vm_area_struct *vma;
	int err;

	*huge = false;
	mmap_write_lock(mm);
	uf_region_settle_locked(ctx);
	err = uf_region_check_register(ctx, start, end, vm_flags, huge);
	if (!err && vm_flags & UF_PROTECT_MODES)
		err = uf_ksm_unmerge(mm, start, end);
	if (err)
		goto unlock;

	uf_region_walk_begin(&walk, ctx, start, end);
	while (!err && (vma = uf_region_walk_next(&walk))) {
		if (uf_region_interrupted())
			err = -EINTR;
		else if (vma->vm_userfaultfd_ctx.ctx == &ctx->view &&
			 (vma->vm_flags & vm_flags) == vm_flags)
			uf_region_skip(&walk, vma);
		else
			err = uf_region_change(&walk, vma, vm_flags);
	}
unlock:
	mmap_write_unlock(mm);
	return err;
}

/* Refuses another context's ranges. Upstream lets a context unregister them until 6.17. */
static int uf_region_check_unregister(struct uf_ctx *ctx, unsigned long start, unsigned long end)
{
	VMA_ITERATOR(vmi, ctx->view.mm, start);
	struct vm_area_struct *vma;
	bool found = false;

	for_each_vma_range(vmi, vma, end) {
		if (uf_region_interrupted())
			return -EINTR;
		if (!found && uf_region_begins_askew(vma, start))
			return -EINVAL;
		if (vma->vm_userfaultfd_ctx.ctx && uf_region_cuts(vma, start, end))
			return -EINVAL;
		if (!uf_region_can_unregister(ctx, vma))
			return -EINVAL;
		if (vma->vm_userfaultfd_ctx.ctx && vma->vm_userfaultfd_ctx.ctx != &ctx->view)
			return -EINVAL;
		found = true;
		if (vma->vm_end >= end)
			break;
	}
	return found ? 0 : -EINVAL;
}

int uf_region_unregister(struct uf_ctx *ctx, unsigned long start, unsigned long end)
{
	struct mm_struct *mm = ctx->view.mm;
	int err;

	mmap_write_lock(mm);
	uf_region_settle_locked(ctx);
	err = uf_region_check_unregister(ctx, start, end) ?:
	      uf_region_clear(ctx, start, end, true);
	mmap_write_unlock(mm);
	return err;
}

void uf_region_unregister_all(struct uf_ctx *ctx)
{
	struct mm_struct *mm = ctx->view.mm;
	struct uf_region_walk walk;
	struct vm_area_struct *vma;

	if (!mmget_not_zero(mm))
		return;

	mmap_write_lock(mm);
	uf_region_walk_begin(&walk, ctx, 0, ULONG_MAX);
	while ((vma = uf_region_walk_next_registered(&walk))) {
		/* This splits nothing, so it can't fail. If it did, no VMA may keep the context. */
		if (WARN_ON_ONCE(uf_region_change(&walk, vma, 0))) {
			uf_region_release(vma);
			uf_region_skip(&walk, vma);
		}
	}
	mmap_write_unlock(mm);
	mmput(mm);
}

void uf_region_set_features(struct uf_ctx *ctx, unsigned int enable, unsigned int disable)
{
	struct mm_struct *mm = ctx->view.mm;
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	mmap_write_lock(mm);
	for_each_vma(vmi, vma) {
		cond_resched();
		if (vma->vm_userfaultfd_ctx.ctx == &ctx->view)
			vma_start_write(vma);
	}
	WRITE_ONCE(ctx->view.features, (ctx->view.features | enable) & ~disable);
	mmap_write_unlock(mm);
}
