// SPDX-License-Identifier: GPL-2.0-only
/* The fill engine; see fill.h. */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/hugetlb.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "ctx.h"
#include "fill.h"
#include "page_table.h"

/* A fill under way. */
struct uf_filling {
	const struct uf_fill *fill;
	struct uf_ctx *ctx;
	struct mm_struct *mm;
	const struct uf_fill_ops *ops;	/* NULL: no VMA was looked up yet */
	unsigned long unit;		/* bytes of a page */
	unsigned long done;		/* bytes */
	unsigned int max;		/* pages of the next run at most */
	unsigned int limit;		/* pages of any run at most */
	struct uf_run run;
};

static void uf_fill_unlock(struct uf_filling *filling, struct vm_area_struct *vma)
{
	uf_compat_changing_unlock(&filling->ctx->view);
	uf_compat_vma_unlock_fill(vma);
}

/* What knows how to fill @vma; NULL: nothing does. */
static const struct uf_fill_ops *uf_fill_ops_for(struct vm_area_struct *vma)
{
	bool shared = vma->vm_flags & VM_SHARED;

	if (vma_is_anonymous(vma))
		return shared ? NULL : &uf_fill_anon_ops;
	if (is_vm_hugetlb_page(vma))
		return &uf_fill_hugetlb_ops;
	if (uf_ksym(vma_is_shmem)(vma))
		return shared ? &uf_fill_shmem_shared_ops : &uf_fill_shmem_private_ops;
	return NULL;
}

/*
 * Choose what fills @vma. ENOENT: that has changed while no lock was held. EINVAL: nothing does as
 * asked.
 */
static int uf_fill_choose_ops(struct uf_filling *filling, struct vm_area_struct *vma)
{
	const struct uf_fill_ops *ops = uf_fill_ops_for(vma);
	const struct uf_fill *fill = filling->fill;
	unsigned long unit = PAGE_SIZE;

	if (!ops || (fill->source == UF_FILL_ZERO && !ops->zero) ||
	    (fill->source == UF_FILL_CONTINUE && !ops->map_cached))
		return -EINVAL;
	if (ops->huge)
		unit = huge_page_size(hstate_vma(vma));
	if (filling->ops && (filling->ops != ops || filling->unit != unit))
		return -ENOENT;
	if (!IS_ALIGNED(fill->dst | fill->len, unit))
		return -EINVAL;
	filling->ops = ops;
	filling->unit = unit;
	return 0;
}

/*
 * Lock the one VMA that has all of the range and is registered: with whom doesn't matter, as
 * upstream.
 */
static int uf_fill_lock(struct uf_filling *filling)
{
	const struct uf_fill *fill = filling->fill;
	struct vm_area_struct *vma;
	int err;

	vma = uf_compat_vma_lock_fill(filling->mm, fill->dst);
	if (IS_ERR(vma))
		return PTR_ERR(vma);
	uf_compat_changing_lock(&filling->ctx->view);

	err = -EAGAIN;
	if (uf_ctx_changing(filling->ctx))
		goto unlock;
	err = -ENOENT;
	if (fill->dst + fill->len > vma->vm_end || !vma->vm_userfaultfd_ctx.ctx)
		goto unlock;
	err = -EINVAL;
	if (fill->wp && !userfaultfd_wp(vma))
		goto unlock;
	err = uf_fill_choose_ops(filling, vma);
	if (err)
		goto unlock;

	filling->run.vma = vma;
	filling->run.wp = fill->wp;
	return 0;

unlock:
	uf_fill_unlock(filling, vma);
	return err;
}

/* A page table for the run, which a huge page never gives way to. */
static int uf_run_page_table(struct uf_filling *filling)
{
	pmd_t *pmd, val;

	pmd = uf_pmd_alloc(filling->mm, filling->run.dst);
	if (IS_ERR(pmd))
		return PTR_ERR(pmd);
	val = pmdp_get_lockless(pmd);
	if (pmd_none(val)) {
		if (uf_ksym(__pte_alloc)(filling->mm, pmd))
			return -ENOMEM;
		val = pmdp_get_lockless(pmd);
	}
	if (!pmd_present(val) || pmd_trans_huge(val))
		return -EEXIST;
	if (pmd_bad(val))
		return -EFAULT;
	filling->run.pmd = pmd;
	return 0;
}

/*
 * The next run: the rest of the fill, as far as one page table goes, and no more than filling->max;
 * or the next huge page.
 */
static int uf_run_plan(struct uf_filling *filling)
{
	const struct uf_fill *fill = filling->fill;
	struct uf_run *run = &filling->run;
	unsigned long end;

	run->dst = fill->dst + filling->done;
	run->src = fill->src + filling->done;
	run->err = 0;
	if (filling->ops->huge) {
		run->nr = filling->unit >> PAGE_SHIFT;
		return 0;
	}

	end = pmd_addr_end(run->dst, fill->dst + fill->len);
	run->nr = min_t(unsigned long, (end - run->dst) >> PAGE_SHIFT, filling->max);
	return uf_run_page_table(filling);
}

static int uf_run_do(struct uf_filling *filling)
{
	const struct uf_fill_ops *ops = filling->ops;
	struct uf_run *run = &filling->run;
	unsigned int installed = 0;

	switch (filling->fill->source) {
	case UF_FILL_COPY:
		installed = ops->copy(run);
		break;
	case UF_FILL_ZERO:
		installed = ops->zero(run);
		break;
	case UF_FILL_CONTINUE:
		installed = ops->map_cached(run);
		break;
	case UF_FILL_POISON:
		installed = ops->poison(run);
		break;
	}
	filling->done += (unsigned long)installed << PAGE_SHIFT;
	return run->err;
}

/* Run after run, until all is done or something is in the way. */
static int uf_fill_locked(struct uf_filling *filling)
{
	int err;

	for (;;) {
		err = uf_run_plan(filling) ?: uf_run_do(filling);
		if (err || filling->done == filling->fill->len)
			return err;
		filling->max = min(filling->max * 2, filling->limit);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/*
 * The source of the next page faults, which must not happen under a lock: it may be a file that has
 * to be read, or memory that another monitor fills. After this the runs grow from one page again,
 * because the pages behind are likely to fault too, and what a run has prepared behind such a page
 * is lost.
 */
static int uf_fill_copy_faulting(struct uf_filling *filling)
{
	filling->run.faulting = false;
	filling->run.src = filling->fill->src + filling->done;
	filling->max = 1;
	return filling->ops->copy_faulting(&filling->run);
}

static int uf_fill_all(struct uf_filling *filling)
{
	struct uf_run *run = &filling->run;
	int err;

	do {
		err = uf_fill_lock(filling);
		if (err)
			break;
		err = uf_fill_locked(filling);
		uf_fill_unlock(filling, run->vma);
		if (!run->faulting)
			break;
		err = uf_fill_copy_faulting(filling);
	} while (!err);

	if (run->first)
		folio_put(run->first);
	if (run->bounce)
		vfree(run->bounce);
	return err;
}

static bool uf_fill_takes_folios(enum uf_fill_source source)
{
	return source == UF_FILL_COPY || source == UF_FILL_CONTINUE;
}

long uf_fill(struct uf_ctx *ctx, const struct uf_fill *fill)
{
	struct uf_filling filling __uninitialized;	/* not to clear the array of folios */
	int err;

	filling.fill = fill;
	filling.ctx = ctx;
	filling.mm = ctx->view.mm;
	filling.ops = NULL;
	filling.done = 0;
	filling.limit = uf_fill_takes_folios(fill->source) ? UF_RUN_FOLIOS_MAX : PTRS_PER_PTE;
	filling.max = filling.limit;
	filling.run.faulting = false;
	filling.run.first = NULL;
	filling.run.first_copied = false;
	filling.run.bounced = false;
	filling.run.busy = NULL;
	filling.run.bounce = NULL;
	filling.run.bounce_size = 0;

	err = uf_fill_all(&filling);
	return filling.done ?: err;
}
