// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling private memory with anonymous pages: new folios of one page, or the zero page. Private
 * mappings of shmem get the same, within the file's size.
 */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/mempolicy.h>
#include <linux/swap.h>

#include "compat/compat.h"
#include "fill_anon.h"

/*
 * Whether the pages of @vma come from the local node, because no memory policy applies to them. A
 * file may have its own policy.
 */
static bool uf_anon_default_policy(struct vm_area_struct *vma)
{
#ifdef CONFIG_NUMA
	return vma_is_anonymous(vma) && !vma_policy(vma) && !current->mempolicy;
#else
	return true;
#endif
}

/*
 * Prepare complete and charged folios for the pages that are missing, and cut the run down to
 * these. If the first page exists and its source is bad, upstream reports the source. So the source
 * of a page that exists is copied too, but its folio isn't charged.
 */
static void uf_anon_prepare(struct uf_run *run)
{
	unsigned int missing = uf_run_missing(run, min(run->nr, UF_RUN_FOLIOS_MAX));

	run->nr = max(missing, 1U);
	uf_run_alloc(run, GFP_HIGHUSER_MOVABLE, uf_anon_default_policy(run->vma));
	uf_run_copy_sources(run);
	if (unlikely(!missing && run->nr))
		uf_run_cut(run, 0, 1, -EEXIST);
	uf_run_complete(run);
}

/* The caller holds the page-table lock; the entry is uf_pte_missing(). */
static void uf_anon_install(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
			    struct folio *folio, bool wp)
{
	pte_t entry = folio_mk_pte(folio, vma->vm_page_prot);

	/* Writable first: pte_mkdirty() treats a read-only entry differently, for shadow stacks. */
	if (wp)
		entry = pte_mkuffd_wp(entry);
	else if (vma->vm_flags & VM_WRITE)
		entry = pte_mkwrite_novma(entry);
	entry = pte_mkdirty(entry);

	uf_compat_folio_add_new_anon(folio, vma, addr);
	set_pte_at(vma->vm_mm, addr, pte, entry);
	update_mmu_cache(vma, addr, pte);	/* no flush: no entry was present */
}

static unsigned int uf_anon_install_run(struct uf_run *run)
{
	struct vm_area_struct *vma = run->vma;
	unsigned int n, within, nr = run->nr;
	spinlock_t *ptl;
	pte_t *pte;

	pte = uf_compat_pte_map_lock(vma->vm_mm, run->pmd, run->dst, &ptl);
	if (!pte) {
		uf_run_cut(run, 0, nr, -EAGAIN);
		return 0;
	}
	within = uf_run_within_file(run);
	for (n = 0; n < within && uf_pte_missing(ptep_get(pte + n)); n++)
		uf_anon_install(vma, run->dst + n * PAGE_SIZE, pte + n, run->folios[n], run->wp);
	if (n)
		uf_compat_add_mm_counter(vma->vm_mm, MM_ANONPAGES, n);
	pte_unmap_unlock(pte, ptl);

	if (n < nr)
		uf_run_cut(run, n, nr, n < within ? -EEXIST : -EFAULT);
	return n;
}

unsigned int uf_anon_copy(struct uf_run *run)
{
	uf_anon_prepare(run);
	return run->nr ? uf_anon_install_run(run) : 0;
}

static pte_t uf_anon_zero_entry(struct vm_area_struct *vma, unsigned long addr)
{
	return pte_mkspecial(pfn_pte(zero_pfn(addr), vma->vm_page_prot));
}

unsigned int uf_anon_zero(struct uf_run *run)
{
	return uf_run_install_entries(run, uf_anon_zero_entry);
}

const struct uf_fill_ops uf_fill_anon_ops = {
	.fill[UF_FILL_COPY] = uf_anon_copy,
	.fill[UF_FILL_ZERO] = uf_anon_zero,
	.fill[UF_FILL_POISON] = uf_run_poison,
	.copy_faulting = uf_run_copy_first,
	.release = uf_run_release,
};
