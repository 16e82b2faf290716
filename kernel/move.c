// SPDX-License-Identifier: GPL-2.0-only
/* Moving pages, step by step; see move.h. */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "compat/compat.h"
#include "ctx.h"
#include "move.h"
#include "move_step.h"
#include "page_table.h"

static bool uf_move_vma_fits(struct vm_area_struct *vma)
{
	return vma_is_anonymous(vma) && !(vma->vm_flags & (VM_SHARED | VM_PFNMAP | VM_IO |
							   VM_MIXEDMAP | VM_SHADOW_STACK));
}

/*
 * Whether the move is allowed. Each range lies in one VMA. Both VMAs are writable private anonymous
 * memory, with the same access rights, mlock state and page protection. The destination is
 * registered with this very context.
 */
static bool uf_move_allowed(const struct uf_moving *moving, struct uf_ctx *ctx)
{
	struct vm_area_struct *dst = moving->dst_vma, *src = moving->src_vma;
	const unsigned long same = VM_ACCESS_FLAGS | VM_LOCKED;

	return moving->src + moving->len <= src->vm_end &&
	       moving->dst + moving->len <= dst->vm_end &&
	       !((src->vm_flags ^ dst->vm_flags) & same) &&
	       pgprot_val(src->vm_page_prot) == pgprot_val(dst->vm_page_prot) &&
	       (src->vm_flags & VM_WRITE) &&
	       uf_move_vma_fits(src) && uf_move_vma_fits(dst) &&
	       dst->vm_userfaultfd_ctx.ctx == &ctx->view;
}

/*
 * How far the step may go: up to the end of a page table, on either side, and no further than the
 * ranges are apart. If they overlap, the later pages must find what moving the earlier ones has
 * changed: so they go in later steps.
 */
static unsigned long uf_move_reach(const struct uf_moving *moving)
{
	unsigned long dst_left = pmd_addr_end(moving->dst, moving->dst + moving->len) - moving->dst;
	unsigned long src_left = pmd_addr_end(moving->src, moving->src + moving->len) - moving->src;
	unsigned long apart = max(moving->dst, moving->src) - min(moving->dst, moving->src);

	return min3(dst_left, src_left, max(apart, PAGE_SIZE));
}

/* The source has no page table: check only that the destination has no pages. */
static long uf_move_holes(struct uf_moving *moving)
{
	unsigned long done = 0;
	spinlock_t *ptl;
	pte_t *pte;

	if (!moving->holes)
		return -ENOENT;
	if (pmd_none(pmdp_get_lockless(moving->dst_pmd)))
		return moving->reach;
	pte = uf_compat_pte_map_lock(moving->mm, moving->dst_pmd, moving->dst, &ptl);
	if (!pte)
		return -EAGAIN;
	while (done < moving->reach && pte_none(ptep_get(pte + (done >> PAGE_SHIFT))))
		done += PAGE_SIZE;
	pte_unmap_unlock(pte, ptl);
	return done ?: -EEXIST;
}

static long uf_move_step(struct uf_moving *moving)
{
	pmd_t dst, src;

	moving->reach = uf_move_reach(moving);
	moving->dst_pmd = uf_pmd_alloc(moving->mm, moving->dst);
	if (IS_ERR(moving->dst_pmd))
		return PTR_ERR(moving->dst_pmd);
	dst = pmdp_get_lockless(moving->dst_pmd);
	if (pmd_trans_huge(dst))
		return -EEXIST;
	if (!pmd_none(dst) && !pmd_present(dst))
		return uf_move_wait_huge(moving->mm, moving->dst_pmd, dst, -EEXIST);

	moving->src_pmd = uf_pmd_find(moving->mm, moving->src);
	if (!moving->src_pmd)
		return uf_move_holes(moving);
	src = pmdp_get_lockless(moving->src_pmd);
	if (pmd_none(src))
		return uf_move_holes(moving);
	if (!uf_pmd_is_table(src))
		return uf_move_huge(moving);

	return uf_pte_alloc(moving->mm, moving->dst_pmd) ?: uf_move_run(moving);
}

/* A move pauses for so long when more than so many steps could do nothing about a large folio. */
#define UF_MOVE_IDLE_MAX	8
#define UF_MOVE_PAUSE_MS	4

static void uf_move_advance(struct uf_moving *moving, unsigned long moved)
{
	moving->dst += moved;
	moving->src += moved;
	moving->len -= moved;
	moving->idle = 0;
	moving->tries = 0;
}

/* Reclaim, for one, may use a large folio, and need a while to release it. */
static void uf_move_pause(const struct uf_moving *moving)
{
	if (moving->idle > UF_MOVE_IDLE_MAX)
		schedule_timeout_killable(msecs_to_jiffies(UF_MOVE_PAUSE_MS));
}

/* Do step after step, until all is moved or a step fails. */
static int uf_move_locked(struct uf_moving *moving)
{
	long step;

	while (moving->len) {
		step = uf_move_step(moving);
		if (step < 0 && step != -EAGAIN)
			return step;
		if (step > 0)
			uf_move_advance(moving, step);
		else
			uf_move_pause(moving);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/*
 * Wake the waiters of the source: a thread that waits to write to a protected page there waits in
 * vain, because the page has moved. Both VMAs are still locked, so that the source keeps its
 * context, which may be another one than the destination's.
 */
static void uf_move_wake_source(struct vm_area_struct *vma, unsigned long start, unsigned long len)
{
	struct uf_ctx *ctx = uf_ctx_of(vma);

	if (unlikely(ctx && len))
		uf_ctx_wake(ctx, start, len);
}

static void uf_move_unlock_vmas(struct uf_ctx *ctx, struct uf_compat_vma_pair *vmas)
{
	uf_changes_unlock(&ctx->changes);
	uf_compat_vma_unlock_pair(vmas);
}

/* Lock both VMAs when no mapping is changing, and keep it so. Errors also of uf_changes_await(). */
static int uf_move_lock_vmas(struct uf_ctx *ctx, const struct uf_move *move,
			     struct uf_compat_vma_pair *vmas)
{
	int err;

	do {
		err = uf_compat_vma_lock_pair(ctx->view.mm, move->dst, move->src, vmas);
		if (err)
			return err;
		err = uf_changes_lock(&ctx->changes);
		if (unlikely(err)) {
			uf_compat_vma_unlock_pair(vmas);
			return err;
		}
		if (likely(!uf_ctx_changing(ctx)))
			return 0;
		uf_move_unlock_vmas(ctx, vmas);
		err = uf_changes_await(&ctx->changes, &ctx->events);
	} while (!err);
	return err;
}

long uf_move(struct uf_ctx *ctx, const struct uf_move *move)
{
	struct uf_moving moving __uninitialized;	/* not to clear the range of a step */
	struct uf_compat_vma_pair vmas;
	long moved;
	int err;

	err = uf_move_lock_vmas(ctx, move, &vmas);
	if (err)
		return err;

	moving.mm = ctx->view.mm;
	moving.dst_vma = vmas.dst;
	moving.src_vma = vmas.src;
	moving.dst = move->dst;
	moving.src = move->src;
	moving.len = move->len;
	moving.holes = move->holes;
	moving.idle = 0;
	moving.tries = 0;
	err = uf_move_allowed(&moving, ctx) ? uf_move_locked(&moving) : -EINVAL;

	moved = move->len - moving.len;
	if (move->wake_source)
		uf_move_wake_source(vmas.src, move->src, moved);
	uf_move_unlock_vmas(ctx, &vmas);
	return moved ?: err;
}
