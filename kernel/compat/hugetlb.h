/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugetlb: its folios, its page cache, its entries in page tables. A folio may have been taken from
 * a reserve, which has to get it back if nobody has seen it: only uf_compat_hugetlb_unalloc() does
 * that.
 */
#ifndef UF_COMPAT_HUGETLB_H
#define UF_COMPAT_HUGETLB_H

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/rmap.h>

#include "ksyms.h"

/*
 * Keep the page tables of @vma from going away. The caller has locked @vma, which is enough for a
 * private mapping: ../fill_hugetlb.c says why not to take that mapping's own hugetlb lock.
 * May sleep.
 */
static inline void uf_compat_hugetlb_lock(struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_MAYSHARE)
		uf_ksym(hugetlb_vma_lock_read)(vma);
}

static inline void uf_compat_hugetlb_unlock(struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_MAYSHARE)
		uf_ksym(hugetlb_vma_unlock_read)(vma);
}

#if !UF_HAS_HUGETLB_FOLIOS

/*
 * Allocate a folio for @addr, from the reserve if there is one, and charge it to the caller's
 * cgroup; or an error.
 */
static inline struct folio *uf_compat_hugetlb_alloc(struct vm_area_struct *vma, unsigned long addr)
{
	struct page *page = uf_ksym(alloc_huge_page)(vma, addr, 0);

	return IS_ERR(page) ? ERR_CAST(page) : page_folio(page);
}

static inline void uf_compat_hugetlb_unalloc(struct hstate *h, struct vm_area_struct *vma,
					     unsigned long addr, struct folio *folio)
{
	uf_ksym(restore_reserve_on_error)(h, vma, addr, &folio->page);
	folio_put(folio);
}

/* Put @folio into the page cache as huge page @index. It is locked from then on. */
static inline int uf_compat_hugetlb_cache(struct folio *folio, struct address_space *mapping,
					  pgoff_t index)
{
	return uf_ksym(hugetlb_add_to_page_cache)(&folio->page, mapping, index);
}

/* The index in the page cache of huge page @index of the file. */
static inline pgoff_t uf_compat_hugetlb_cache_index(struct hstate *h, pgoff_t index)
{
	return index;
}

/* The caller holds the page-table lock, as for the next function. */
static inline void uf_compat_hugetlb_add_file_rmap(struct folio *folio)
{
	page_dup_file_rmap(&folio->page, true);
}

static inline void uf_compat_hugetlb_add_new_anon(struct folio *folio, struct vm_area_struct *vma,
						  unsigned long addr)
{
	ClearHPageRestoreReserve(&folio->page);
	uf_ksym(hugepage_add_new_anon_rmap)(&folio->page, vma, addr);
}

/* Mark a new folio as in use: from now on it may be migrated. */
static inline void uf_compat_hugetlb_set_migratable(struct folio *folio)
{
	SetHPageMigratable(&folio->page);
}

static inline pte_t uf_compat_huge_ptep_get(struct mm_struct *mm, unsigned long addr, pte_t *pte)
{
	return huge_ptep_get(pte);
}

static inline void uf_compat_set_huge_pte(struct hstate *h, struct mm_struct *mm,
					  unsigned long addr, pte_t *pte, pte_t entry)
{
	set_huge_pte_at(mm, addr, pte, entry);
}

#else

static inline struct folio *uf_compat_hugetlb_alloc(struct vm_area_struct *vma, unsigned long addr)
{
	return uf_ksym(alloc_hugetlb_folio)(vma, addr, false);
}

static inline void uf_compat_hugetlb_unalloc(struct hstate *h, struct vm_area_struct *vma,
					     unsigned long addr, struct folio *folio)
{
	uf_ksym(restore_reserve_on_error)(h, vma, addr, folio);
	folio_put(folio);
}

static inline int uf_compat_hugetlb_cache(struct folio *folio, struct address_space *mapping,
					  pgoff_t index)
{
	return uf_ksym(hugetlb_add_to_page_cache)(folio, mapping, index);
}

static inline pgoff_t uf_compat_hugetlb_cache_index(struct hstate *h, pgoff_t index)
{
	return index << huge_page_order(h);
}

static inline void uf_compat_hugetlb_add_file_rmap(struct folio *folio)
{
	hugetlb_add_file_rmap(folio);
}

static inline void uf_compat_hugetlb_add_new_anon(struct folio *folio, struct vm_area_struct *vma,
						  unsigned long addr)
{
	uf_ksym(hugetlb_add_new_anon_rmap)(folio, vma, addr);
}

static inline void uf_compat_hugetlb_set_migratable(struct folio *folio)
{
	folio_set_hugetlb_migratable(folio);
}

static inline pte_t uf_compat_huge_ptep_get(struct mm_struct *mm, unsigned long addr, pte_t *pte)
{
	return huge_ptep_get(mm, addr, pte);
}

static inline void uf_compat_set_huge_pte(struct hstate *h, struct mm_struct *mm,
					  unsigned long addr, pte_t *pte, pte_t entry)
{
	set_huge_pte_at(mm, addr, pte, entry, huge_page_size(h));
}

#endif

#endif /* UF_COMPAT_HUGETLB_H */
