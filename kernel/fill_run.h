/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run of a fill (fill.h), what a memory type does with it, and what that takes on more than one
 * type. If not said otherwise, all are called with the VMA locked and no page-table lock.
 */
#ifndef UF_FILL_RUN_H
#define UF_FILL_RUN_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/preempt.h>

#include "compat/compat.h"
#include "fill_source.h"

/*
 * Folios that a run has at most: enough that locking and counting cost next to nothing a page, few
 * enough to keep their addresses on the stack. Where there is nothing to keep, a run may be a whole
 * page table; where there is, the ops leave the rest to the next.
 */
#define UF_RUN_FOLIOS_MAX	64U

struct uf_run {
	struct vm_area_struct *vma;
	pmd_t *pmd;			/* its page table has the whole run; not for huge pages */
	unsigned long dst;		/* first page */
	unsigned long src;
	unsigned int nr;		/* pages to fill; the ops lower it to what they have prepared */
	int err;			/* what is wrong with the page behind those, if anything is */
	bool wp;			/* install write-protected */
	bool faulting;			/* copy_faulting() is to be called, without locks */
	bool kept_copied;		/* @kept has the source of the first page */
	void *kept;			/* of the memory type, for the next run; freed by release() */
	struct folio *folios[UF_RUN_FOLIOS_MAX];
};

/* Fills a run, as struct uf_fill_ops says. */
typedef unsigned int uf_fill_run_fn(struct uf_run *run);

/*
 * What a memory type does. Those of fill[], one for each source, are called with the VMA locked and
 * no page-table lock, and return the number of pages that are installed now, at the
 * beginning of the run; if that is less than run->nr was, run->err says why there was no getting
 * further, or 0: the rest is for the next run. NULL: there is no such source.
 *
 * If the source of the page behind has to be faulted in, or something else needs doing that can't be
 * done under locks, run->faulting is set, and run->err is -EFAULT. Then copy_faulting() is called
 * without locks, and if it returns 0 the filling goes on, when the VMA has been looked up anew. What
 * it needs for that is in run->kept; release() is called without locks in the end, if something is
 * left there.
 */
struct uf_fill_ops {
	bool huge;	/* a run is one huge page, whose page table is for the ops to find */
	uf_fill_run_fn *fill[UF_FILL_SOURCES];
	int (*copy_faulting)(struct uf_run *run);
	void (*release)(struct uf_run *run);
};

/* For small pages, what is kept is the folio of the first page, if it is left from the run before. */
static inline struct folio *uf_run_first(const struct uf_run *run)
{
	return run->kept;
}

/*
 * End the run before page @n, for this reason: of @prepared folios those behind are put back, and
 * so is what is kept.
 */
void uf_run_cut(struct uf_run *run, unsigned int n, unsigned int prepared, int err);

/*
 * Folios of one page for the run, which takes over what is kept: from where the VMA's memory policy
 * wants them, or simply @local ones. The run is cut down to what there is.
 */
void uf_run_alloc(struct uf_run *run, gfp_t gfp, bool local);

/*
 * Copy the sources to run->folios, as far as they can be had without a fault. The run is cut where
 * that ends, and the folio there kept.
 */
void uf_run_copy_sources(struct uf_run *run);

/* Copy the source of the folio that is kept, faulting it in; without locks. EFAULT: there is none. */
int uf_run_copy_first(struct uf_run *run);

/* Put the folio that is kept back. */
void uf_run_release(struct uf_run *run);

/* Poison, for every memory type with pages of PAGE_SIZE: entries that kill who touches them. */
unsigned int uf_run_poison(struct uf_run *run);

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
