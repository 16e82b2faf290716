/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run of a fill (fill.h), the ops that a memory type has for it, and helpers that several memory
 * types share. Unless said otherwise, the VMA is locked when a function here is called, and no
 * page-table lock is held.
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
 * The most folios of a run: so many that locking and counting cost next to nothing per page, so few
 * that their addresses fit on the stack. A run that needs no folios may be a whole page table. If
 * it needs them, the ops leave the remaining pages to the next run.
 */
#define UF_RUN_FOLIOS_MAX	64U

struct uf_run {
	struct vm_area_struct *vma;
	pmd_t *pmd;			/* its page table has the whole run; unset for huge pages */
	unsigned long dst;		/* first page */
	unsigned long src;
	unsigned int nr;		/* pages to fill; the ops lower it to those they prepared */
	int err;			/* error of the page after those, or 0 */
	bool wp;			/* install write-protected */
	bool faulting;			/* the engine has to call copy_faulting() without locks */
	bool kept_copied;		/* @kept has a copy of the first page's source */
	void *kept;			/* the ops' own, for the next run; freed by release() */
	struct folio *folios[UF_RUN_FOLIOS_MAX];
};

/* Fills a run; struct uf_fill_ops says how. */
typedef unsigned int uf_fill_run_fn(struct uf_run *run);

/*
 * The ops of a memory type. fill[] has one function for each source; NULL: the memory type has no
 * such source. The function is called with the VMA locked and no page-table lock held. It installs
 * pages from the beginning of the run on, and returns their number. If these are fewer than run->nr
 * was, run->err is the error of the next page, or 0 if the rest is left to the next run.
 *
 * If the source of the next page would fault, or if the function needs anything else that can't be
 * done under locks, it sets run->faulting, sets run->err to -EFAULT and leaves in run->kept what
 * copy_faulting() needs. The engine drops the locks and calls copy_faulting(). If that returns 0,
 * the engine looks up the VMA again and goes on. At the end of the fill it calls release() without
 * locks if run->kept is not NULL.
 */
struct uf_fill_ops {
	bool huge;	/* a run is one huge page, and the ops find its page table themselves */
	uf_fill_run_fn *fill[UF_FILL_SOURCES];
	int (*copy_faulting)(struct uf_run *run);
	void (*release)(struct uf_run *run);
};

/* With small pages, run->kept is the first page's folio if the last run left it; else NULL. */
static inline struct folio *uf_run_first(const struct uf_run *run)
{
	return run->kept;
}

/*
 * End the run before page @n with @err. Puts the folios [@n, @prepared) of the run, and the one in
 * run->kept.
 */
void uf_run_cut(struct uf_run *run, unsigned int n, unsigned int prepared, int err);

/*
 * Allocate folios of one page for the run: by the VMA's memory policy or, if @local, from the local
 * node. The folio in run->kept, if there is one, becomes the first. If there is not enough memory,
 * the run is cut.
 */
void uf_run_alloc(struct uf_run *run, gfp_t gfp, bool local);

/*
 * Copy the sources to run->folios, up to the first page whose source would fault. There the run is
 * cut, with run->faulting set and the page's folio in run->kept.
 */
void uf_run_copy_sources(struct uf_run *run);

/* Copy the source to the folio in run->kept, without locks: it may fault. -EFAULT: no source. */
int uf_run_copy_first(struct uf_run *run);

/* Put the folio in run->kept. */
void uf_run_release(struct uf_run *run);

/* Install poison (compat/poison.h); for every memory type with pages of PAGE_SIZE. */
unsigned int uf_run_poison(struct uf_run *run);

/*
 * Charge run->folios to the cgroup of the address space, and make their contents visible before the
 * folios are. If a folio can't be charged, the run is cut before it.
 */
void uf_run_complete(struct uf_run *run);

/*
 * How many of the run's pages lie within the file; all if the VMA maps no file. Under the
 * page-table lock the answer can be relied on: a thread that shrinks a file first sets its size,
 * and then unmaps the pages beyond it under their page-table locks.
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
 * How many of the run's first @nr pages are missing, up to the first that isn't: for these it is
 * worth preparing folios. Read without the page-table lock, so the answer may be out of date. 1 if
 * the page table is gone. Inlined, because a fill of one page does little else. While preemption is
 * off, a page table that is removed isn't freed; an RCU read lock would do the same, but costs
 * more.
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

/* Install entries that need no folio, where there is none. Returns as the ops' fill[]. */
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
