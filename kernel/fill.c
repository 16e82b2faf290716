// SPDX-License-Identifier: GPL-2.0-only
/* The fill engine; see fill.h. */
#include <linux/userfault.h>

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "ctx.h"
#include "fill.h"
#include "fill_anon.h"
#include "fill_hugetlb.h"
#include "fill_run.h"
#include "fill_shmem.h"
#include "page_table.h"

/* A fill under way. */
struct uf_filling {
	const struct uf_fill *fill;
	struct uf_ctx *ctx;
	struct mm_struct *mm;
	const struct uf_fill_ops *ops;	/* NULL: the locks have not been taken yet */
	uf_fill_run_fn *fill_run;	/* the one of ops->fill[] for the source */
	unsigned long unit;		/* bytes of a page */
	unsigned long done;		/* bytes filled */
	bool interrupted;		/* the locks were given up before all was done */
	/* As they were when that happened last: */
	u64 last_event;
	struct file *file;		/* that the range maps, referenced; NULL: none */
	pgoff_t pgoff;			/* where in the file the range begins */
	unsigned int max;		/* most pages of the next run */
	struct uf_run run;
};

static bool uf_fill_is_done(const struct uf_filling *filling)
{
	return filling->done == filling->fill->len;
}

static void uf_fill_unlock(struct uf_filling *filling, struct vm_area_struct *vma)
{
	uf_changes_unlock(&filling->ctx->changes);
	uf_compat_vma_unlock_fill(vma);
}

static const struct uf_fill_ops uf_fill_no_ops;

/* The ops for @vma; uf_fill_no_ops if it can't be filled. */
static const struct uf_fill_ops *uf_fill_ops_for(struct vm_area_struct *vma)
{
	bool shared = vma->vm_flags & VM_SHARED;

	if (likely(vma_is_anonymous(vma)))
		return shared ? &uf_fill_no_ops : &uf_fill_anon_ops;
	if (is_vm_hugetlb_page(vma))
		return &uf_fill_hugetlb_ops;
	if (uf_ksym(vma_is_shmem)(vma))
		return shared ? &uf_fill_shmem_shared_ops : &uf_fill_shmem_private_ops;
	return &uf_fill_no_ops;
}

/*
 * Choose the ops for @vma. ENOENT: they, or the size of a page, changed while no lock was held.
 * EINVAL: they don't have this source, or the range cuts a huge page.
 */
static int uf_fill_choose_ops(struct uf_filling *filling, struct vm_area_struct *vma)
{
	const struct uf_fill_ops *ops = uf_fill_ops_for(vma);
	const struct uf_fill *fill = filling->fill;
	unsigned long unit = PAGE_SIZE;

	filling->fill_run = ops->fill[fill->source];
	if (unlikely(!filling->fill_run))
		return -EINVAL;
	if (unlikely(ops->huge))
		unit = huge_page_size(hstate_vma(vma));
	if (unlikely(filling->ops) && (filling->ops != ops || filling->unit != unit))
		return -ENOENT;
	if (ops->huge && !IS_ALIGNED(fill->dst | fill->len, unit))
		return -EINVAL;
	filling->ops = ops;
	filling->unit = unit;
	return 0;
}

static pgoff_t uf_fill_pgoff(const struct uf_filling *filling, const struct vm_area_struct *vma)
{
	return vma->vm_pgoff + ((filling->fill->dst - vma->vm_start) >> PAGE_SHIFT);
}

/* The caller still has the locks, and gives them up. */
static noinline void uf_fill_remember(struct uf_filling *filling)
{
	struct vm_area_struct *vma = filling->run.vma;
	struct file *before = filling->interrupted ? filling->file : NULL;

	filling->interrupted = true;
	filling->last_event = uf_event_last(&filling->ctx->events);
	filling->pgoff = uf_fill_pgoff(filling, vma);
	filling->file = vma->vm_file;
	if (filling->file)
		get_file(filling->file);
	if (before)
		fput(before);	/* if it is the last one, the file ends later, without our locks */
}

/* The reference to the file keeps its inode, so no other file has that. */
static bool uf_fill_is_elsewhere(const struct uf_filling *filling,
				 const struct vm_area_struct *vma)
{
	if (!vma->vm_file || !filling->file)
		return vma->vm_file != filling->file;
	return file_inode(vma->vm_file) != file_inode(filling->file) ||
	       uf_fill_pgoff(filling, vma) != filling->pgoff;
}

/*
 * Whether a fill that had given its locks up may go on in @vma. EAGAIN: the context has got an
 * event of a change that has come and gone meanwhile, so the rest of its pages may be old by now;
 * whoever reads the event, or has read it, has to decide. Or, without an event, a part is done and
 * the rest would go to another file. ESRCH: the process is gone, and only those hold the memory
 * that still work on it, such as commands. What is put there is charged to the root cgroup, so a
 * single command must not go on for long. (Without memory cgroups nothing tells.) A new one may
 * begin: one of the others may wait for a page, and has to get it to end.
 */
static noinline int uf_fill_check_again(const struct uf_filling *filling,
					const struct vm_area_struct *vma)
{
	if (uf_event_last(&filling->ctx->events) != filling->last_event)
		return -EAGAIN;
	if (filling->done && uf_fill_is_elsewhere(filling, vma))
		return -EAGAIN;
#ifdef CONFIG_MEMCG
	if (filling->done && !rcu_access_pointer(filling->mm->owner))
		return -ESRCH;
#endif
	return 0;
}

/*
 * Lock the one VMA that holds the whole range, and check that it is registered. It may be
 * registered with another context, as upstream. EBUSY: mappings are changing.
 */
static int uf_fill_lock(struct uf_filling *filling)
{
	const struct uf_fill *fill = filling->fill;
	struct vm_area_struct *vma;
	int err;

	vma = uf_compat_vma_lock_fill(filling->mm, fill->dst);
	if (IS_ERR(vma))
		return PTR_ERR(vma);
	err = uf_changes_lock(&filling->ctx->changes);
	if (unlikely(err)) {
		uf_compat_vma_unlock_fill(vma);
		return err;
	}

	err = -EBUSY;
	if (uf_ctx_changing(filling->ctx))
		goto unlock;
	if (unlikely(filling->ops)) {
		err = uf_fill_check_again(filling, vma);
		if (err)
			goto unlock;
	}
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

/*
 * Give @pmd a page table if it is empty. EEXIST: it holds something other than a page table.
 * EAGAIN: it is empty again, because the new page table was freed at once as an empty one.
 */
static noinline int uf_run_make_page_table(struct mm_struct *mm, pmd_t *pmd)
{
	pmd_t val;

	if (uf_pte_alloc(mm, pmd))
		return -ENOMEM;
	val = pmdp_get_lockless(pmd);
	if (uf_pmd_is_table(val))
		return 0;
	return pmd_none(val) ? -EAGAIN : -EEXIST;
}

/* Find or make the run's page table. A huge page that is there is never split: EEXIST. */
static int uf_run_page_table(struct uf_filling *filling)
{
	pmd_t *pmd = uf_pmd_alloc(filling->mm, filling->run.dst);

	if (IS_ERR(pmd))
		return PTR_ERR(pmd);
	filling->run.pmd = pmd;
	if (likely(uf_pmd_is_table(pmdp_get_lockless(pmd))))
		return 0;
	return uf_run_make_page_table(filling->mm, pmd);
}

/*
 * Plan the next run: the rest of the fill up to the end of the page table, but at most filling->max
 * pages; or, with hugetlb, the next huge page.
 */
static int uf_run_plan(struct uf_filling *filling)
{
	const struct uf_fill *fill = filling->fill;
	struct uf_run *run = &filling->run;
	unsigned long left = (fill->len - filling->done) >> PAGE_SHIFT;

	run->dst = fill->dst + filling->done;
	run->src = fill->src + filling->done;
	run->err = 0;
	if (filling->ops->huge) {
		run->nr = filling->unit >> PAGE_SHIFT;
		return 0;
	}

	run->nr = min3(left, PTRS_PER_PTE - pte_index(run->dst), (unsigned long)filling->max);
	return uf_run_page_table(filling);
}

static int uf_run_do(struct uf_filling *filling)
{
	unsigned long installed = filling->fill_run(&filling->run);

	filling->done += installed << PAGE_SHIFT;
	return filling->run.err;
}

/*
 * A fill gives up its locks after so many bytes, and takes them again. A thread that changes
 * mappings waits for them, and can't be killed meanwhile: it may be of another process.
 */
#define UF_FILL_HOLD	SZ_16M

/*
 * Do run after run, until the whole fill is done, a run fails, or the fill has held its locks for
 * long. If a page table is removed under a run, by khugepaged for one, the run returns -EAGAIN and
 * is planned again: it then gets another page table, or finds the huge page that is there now.
 */
static int uf_fill_locked(struct uf_filling *filling)
{
	unsigned long begun = filling->done;
	int err;

	do {
		err = uf_run_plan(filling) ?: uf_run_do(filling);
		if (unlikely(err == -EAGAIN))
			err = 0;
		if (err || uf_fill_is_done(filling))
			return err;
		filling->max = min_t(unsigned int, filling->max * 2, PTRS_PER_PTE);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	} while (filling->done - begun < UF_FILL_HOLD);
	return 0;
}

/*
 * Copy a source page that faults (or, with hugetlb, wait for an inode's lock). This must not happen
 * under a lock: the source may be a file that has to be read, or memory that another monitor fills.
 * After this the runs grow from one page again: the next source pages are likely to fault too, and
 * a run loses the folios that it has prepared after such a page.
 */
static int uf_fill_copy_faulting(struct uf_filling *filling)
{
	filling->run.faulting = false;
	filling->run.src = filling->fill->src + filling->done;
	filling->max = 1;
	return filling->ops->copy_faulting(&filling->run);
}

/* Take the locks, fill, and give them up. */
static __always_inline int uf_fill_hold(struct uf_filling *filling)
{
	int err;

	err = uf_fill_lock(filling);
	if (unlikely(err))
		return err;
	err = uf_fill_locked(filling);
	if (unlikely(!uf_fill_is_done(filling)))
		uf_fill_remember(filling);
	uf_fill_unlock(filling, filling->run.vma);
	return err;
}

/*
 * A hold of the locks has ended with @err before all was done. Returns an error if there is to be
 * no other.
 */
static noinline int uf_fill_prepare_next(struct uf_filling *filling, int err)
{
	if (err == -EBUSY && !filling->done)
		return uf_changes_await(&filling->ctx->changes, &filling->ctx->events);
	if (filling->run.faulting)
		return uf_fill_copy_faulting(filling);
	return err;
}

/* Put what a fill has taken when it was interrupted. */
static noinline void uf_fill_put(struct uf_filling *filling)
{
	if (filling->run.kept)
		filling->ops->release(&filling->run);
	if (filling->file)
		fput(filling->file);
}

static int uf_fill_all(struct uf_filling *filling)
{
	int err;

	do {
		err = uf_fill_hold(filling);
		if (likely(uf_fill_is_done(filling)))
			break;
		err = uf_fill_prepare_next(filling, err);
	} while (!err);

	if (unlikely(filling->interrupted))
		uf_fill_put(filling);
	return err;
}

long uf_fill(struct uf_ctx *ctx, struct uf_fill fill)
{
	struct uf_filling filling __uninitialized;	/* not to clear the array of folios */
	int err;

	filling.fill = &fill;
	filling.ctx = ctx;
	filling.mm = ctx->view.mm;
	filling.ops = NULL;
	filling.interrupted = false;
	filling.done = 0;
	filling.max = PTRS_PER_PTE;
	filling.run.faulting = false;
	filling.run.kept = NULL;
	filling.run.kept_copied = false;

	err = uf_fill_all(&filling);
	return filling.done ?: err;
}

long uf_fill_foreign(struct uf_ctx *ctx, struct uf_fill fill)
{
	struct mm_struct *mm = ctx->view.mm;
	long done;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	done = uf_fill(ctx, fill);
	mmput(mm);
	return done;
}
