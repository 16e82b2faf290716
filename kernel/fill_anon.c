// SPDX-License-Identifier: GPL-2.0-only
/* Filling private anonymous memory: new folios of one page, or the zero page. */
#include <linux/userfault.h>

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mempolicy.h>
#include <linux/swap.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "fill.h"

/*
 * How many pages to prepare: as many as are missing at the beginning of the run, as far as can be told
 * without the lock. The first is prepared all the same, so that a bad source is reported before a page
 * that exists, as upstream does.
 */
static unsigned int uf_anon_plan(struct uf_run *run)
{
	unsigned int n;
	pte_t *pte;

	if (run->nr == 1)
		return 1;
	pte = uf_compat_pte_map(run->pmd, run->dst);
	if (!pte)
		return 1;
	for (n = 1; n < run->nr; n++)
		if (!uf_pte_missing(ptep_get(pte + n)))
			break;
	pte_unmap(pte);
	return n;
}

/* Whether the pages of @vma are simply to come from the local node. */
static bool uf_anon_default_policy(struct vm_area_struct *vma)
{
#ifdef CONFIG_NUMA
	return !vma_policy(vma) && !current->mempolicy;
#else
	return true;
#endif
}

/* Folios for the run, one at a time where the bulk allocator won't; how many. Takes run->first over. */
static unsigned int uf_anon_alloc(struct uf_run *run)
{
	unsigned int n = 0, i, nr = run->nr;

	if (run->first)
		run->folios[n++] = run->first;
	run->first = NULL;

	/* A page without companions is a folio; folios[] may be handed over as pages. */
	if (nr - n > 1 && uf_anon_default_policy(run->vma)) {
		for (i = n; i < nr; i++)
			run->folios[i] = NULL;
		n += alloc_pages_bulk(GFP_HIGHUSER_MOVABLE, nr - n,
				      (struct page **)run->folios + n);
	}
	for (; n < nr; n++) {
		run->folios[n] = uf_compat_vma_alloc_folio(GFP_HIGHUSER_MOVABLE, 0, run->vma,
							   run->dst + n * PAGE_SIZE);
		if (!run->folios[n])
			break;
	}
	return n;
}

/* Put the folios [@from, @to) back. */
static void uf_anon_free(struct uf_run *run, unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		folio_put(run->folios[from]);
}

/* Whether all of the page could be copied without a fault. */
static bool uf_anon_copy_page(struct folio *folio, unsigned long src)
{
	void *to = kmap_local_folio(folio, 0);
	unsigned long left;

	pagefault_disable();
	left = copy_from_user(to, (const void __user *)src, PAGE_SIZE);
	pagefault_enable();
	kunmap_local(to);
	flush_dcache_folio(folio);
	return !left;
}

/* End the run before page @n, for this reason; of @prepared folios those behind are put back. */
static void uf_run_cut(struct uf_run *run, unsigned int n, unsigned int prepared, int err)
{
	uf_anon_free(run, n, prepared);
	run->nr = n;
	run->err = err;
}

/* Copy the sources, as far as they can be had without a fault; the folio where that ends is kept. */
static void uf_anon_copy_sources(struct uf_run *run)
{
	unsigned int n;

	for (n = run->first_copied; n < run->nr; n++) {
		if (uf_anon_copy_page(run->folios[n], run->src + n * PAGE_SIZE))
			continue;
		run->first = run->folios[n];
		uf_anon_free(run, n + 1, run->nr);
		uf_run_cut(run, n, n, -EFAULT);
	}
	run->first_copied = false;
}

static void uf_anon_charge(struct uf_run *run)
{
	unsigned int n;

	for (n = 0; n < run->nr; n++)
		if (uf_compat_mem_cgroup_charge(run->folios[n], run->vma->vm_mm))
			uf_run_cut(run, n, run->nr, -ENOMEM);
}

/* Complete folios, charged; the run is cut down to what could be had. */
static void uf_anon_prepare(struct uf_run *run)
{
	unsigned int prepared, n;

	run->nr = uf_anon_plan(run);
	prepared = uf_anon_alloc(run);
	if (prepared < run->nr)
		uf_run_cut(run, prepared, prepared, -ENOMEM);
	uf_anon_copy_sources(run);
	uf_anon_charge(run);
	for (n = 0; n < run->nr; n++)	/* makes the contents visible before the entry is */
		__folio_mark_uptodate(run->folios[n]);
}

/* Caller holds the page-table lock; the entry is none. */
static void uf_anon_install(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
			    struct folio *folio, bool wp)
{
	pte_t entry = folio_mk_pte(folio, vma->vm_page_prot);

	/* Writable first: a read-only entry would be made dirty in the way of shadow stacks. */
	if (wp)
		entry = pte_mkuffd_wp(entry);
	else if (vma->vm_flags & VM_WRITE)
		entry = pte_mkwrite_novma(entry);
	entry = pte_mkdirty(entry);

	uf_compat_folio_add_new_anon(folio, vma, addr);
	set_pte_at(vma->vm_mm, addr, pte, entry);
	update_mmu_cache(vma, addr, pte);	/* nothing to flush: there was no entry */
}

static unsigned int uf_anon_install_run(struct uf_run *run)
{
	struct vm_area_struct *vma = run->vma;
	unsigned int n, nr = run->nr;
	spinlock_t *ptl;
	pte_t *pte;

	pte = uf_compat_pte_map_lock(vma->vm_mm, run->pmd, run->dst, &ptl);
	if (!pte) {
		uf_run_cut(run, 0, nr, -EAGAIN);
		return 0;
	}
	for (n = 0; n < nr && uf_pte_missing(ptep_get(pte + n)); n++)
		uf_anon_install(vma, run->dst + n * PAGE_SIZE, pte + n, run->folios[n], run->wp);
	if (n)
		uf_compat_add_mm_counter(vma->vm_mm, MM_ANONPAGES, n);
	pte_unmap_unlock(pte, ptl);

	if (n < nr)
		uf_run_cut(run, n, nr, -EEXIST);
	return n;
}

static unsigned int uf_anon_copy(struct uf_run *run)
{
	unsigned int installed = 0;

	uf_anon_prepare(run);
	if (run->nr)
		installed = uf_anon_install_run(run);

	/* Something before the page whose source faults has ended the run. */
	if (run->first && run->err != -EFAULT) {
		folio_put(run->first);
		run->first = NULL;
	}
	return installed;
}

static unsigned int uf_anon_zero(struct uf_run *run)
{
	struct vm_area_struct *vma = run->vma;
	unsigned long addr = run->dst;
	spinlock_t *ptl;
	unsigned int n;
	pte_t *pte;

	pte = uf_compat_pte_map_lock(vma->vm_mm, run->pmd, addr, &ptl);
	if (!pte) {
		run->err = -EAGAIN;
		return 0;
	}
	for (n = 0; n < run->nr && pte_none(ptep_get(pte + n)); n++, addr += PAGE_SIZE) {
		set_pte_at(vma->vm_mm, addr, pte + n,
			   pte_mkspecial(pfn_pte(zero_pfn(addr), vma->vm_page_prot)));
		update_mmu_cache(vma, addr, pte + n);
	}
	pte_unmap_unlock(pte, ptl);

	if (n < run->nr)
		run->err = -EEXIST;
	return n;
}

const struct uf_fill_ops uf_fill_anon_ops = {
	.copy = uf_anon_copy,
	.zero = uf_anon_zero,
};
