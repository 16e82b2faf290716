/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What filling takes on more than one memory type of small pages; for the ops of fill.h. If not
 * said otherwise, all are called with the VMA locked and no page-table lock.
 */
#ifndef UF_FILL_RUN_H
#define UF_FILL_RUN_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/preempt.h>

#include "compat/compat.h"
#include "fill.h"

/*
 * End the run before page @n, for this reason: of @prepared folios those behind are put back, and
 * so is run->first.
 */
void uf_run_cut(struct uf_run *run, unsigned int n, unsigned int prepared, int err);

/*
 * Folios of one page for the run, which takes run->first over: from where the VMA's memory policy
 * wants them, or simply @local ones. The run is cut down to what there is.
 */
void uf_run_alloc(struct uf_run *run, gfp_t gfp, bool local);

/*
 * Copy the sources to run->folios, as far as they can be had without a fault. The run is cut where
 * that ends, and the folio there kept in run->first.
 */
void uf_run_copy_sources(struct uf_run *run);

/* Copy the source of run->first, faulting it in; called without locks. EFAULT: there is none. */
int uf_run_copy_first(struct uf_run *run);

/*
 * Charge run->folios to the cgroup of the address space, and make their contents visible before the
 * folios are. The run is cut down to what could be charged.
 */
void uf_run_complete(struct uf_run *run);

/*
 * How many of the run's pages lie within the file; all, where there is none. Under the page-table
 * lock that holds good: who shrinks a file sets its size first, and then takes the pages behind out
 * of the page tables, under their locks.
 */
static inline unsigned int uf_run_within_file(const struct uf_run *run)
{
	struct vm_area_struct *vma = run->vma;
	pgoff_t index, end;

	if (likely(vma_is_anonymous(vma)))
		return run->nr;
	index = linear_page_index(vma, run->dst);
	end = DIV_ROUND_UP(i_size_read(file_inode(vma->vm_file)), PAGE_SIZE);
	return index < end ? min_t(pgoff_t, run->nr, end - index) : 0;
}

/*
 * How many of the run's pages, from the first on and up to @nr, have nothing in the page table, as
 * far as can be told without its lock: what is worth preparing folios for. 1 if there is no page
 * table any more. Inlined, because a fill of one page does little else. That preemption is off keeps
 * a page table from being freed that is taken away meanwhile, as an RCU read lock would, for less.
 */
static __always_inline unsigned int uf_run_missing(const struct uf_run *run, unsigned int nr)
{
	unsigned int n = 0;
	pte_t *pte;
	pmd_t val;

	preempt_disable();
	val = pmdp_get_lockless(run->pmd);
	pte = uf_pmd_table_entry(val, run->dst);
	if (likely(uf_pmd_is_table(val)))
		while (n < nr && uf_pte_missing(ptep_get(pte + n)))
			n++;
	else
		n = 1;
	preempt_enable();
	return n;
}

/* Install entries that need no folio, where there are none; as in struct uf_fill_ops. */
static __always_inline unsigned int
uf_run_install_entries(struct uf_run *run,
		       pte_t (*entry)(struct vm_area_struct *vma, unsigned long addr))
{
	struct vm_area_struct *vma = run->vma;
	unsigned long addr = run->dst;
	unsigned int n, within;
	spinlock_t *ptl;
	pte_t *pte;

	pte = uf_compat_pte_map_lock(vma->vm_mm, run->pmd, addr, &ptl);
	if (!pte) {
		run->err = -EAGAIN;
		return 0;
	}
	within = uf_run_within_file(run);
	for (n = 0; n < within && pte_none(ptep_get(pte + n)); n++, addr += PAGE_SIZE) {
		set_pte_at(vma->vm_mm, addr, pte + n, entry(vma, addr));
		update_mmu_cache(vma, addr, pte + n);
	}
	pte_unmap_unlock(pte, ptl);

	if (n < run->nr)
		run->err = n < within ? -EEXIST : -EFAULT;
	return n;
}

#endif /* UF_FILL_RUN_H */
