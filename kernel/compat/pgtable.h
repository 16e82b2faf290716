/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables. Since 6.5 (the series "mm: allow pte_offset_map[_lock]() to fail") a page table can go
 * away under a reader, mapping it takes an RCU read lock, and may fail.
 */
#ifndef UF_COMPAT_PGTABLE_H
#define UF_COMPAT_PGTABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/swap.h>

#include "../ksyms.h"

#if defined(UF_COMPAT_6_1) || defined(UF_COMPAT_6_12)

#include <linux/swapops.h>

/* Of markers, there are only those of userfaultfd and of pages that are lost. */
#define pte_is_uffd_marker(pte) is_pte_marker(pte)
#define pte_is_uffd_wp_marker(pte) pte_marker_uffd_wp(pte)
#define folio_mk_pte(folio, prot) mk_pte(&(folio)->page, prot)
#define zero_pfn(addr) my_zero_pfn(addr)

/* Whether an entry is of a page that was swapped out; it is not none, nor present. */
static inline bool uf_pte_swapped(pte_t pte)
{
	return !non_swap_entry(pte_to_swp_entry(pte));
}

#else

#include <linux/leafops.h>

static inline bool uf_pte_swapped(pte_t pte)
{
	return softleaf_is_swap(softleaf_from_pte(pte));
}

#endif

/* Whether an entry has no page, and may be given one. Guard regions, since 6.13, have markers that stay. */
static inline bool uf_pte_missing(pte_t pte)
{
	return pte_none(pte) || pte_is_uffd_marker(pte);
}

#ifdef UF_COMPAT_6_1

#define pmdp_get_lockless(pmd) READ_ONCE(*(pmd))
#define pte_mkwrite_novma(pte) pte_mkwrite(pte)

/* These never fail here; what they may do elsewhere is said below. */
static inline pte_t *uf_compat_pte_map(pmd_t *pmd, unsigned long addr)
{
	return pte_offset_map(pmd, addr);
}

static inline pte_t *uf_compat_pte_map_lock(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
					    spinlock_t **ptl)
{
	return pte_offset_map_lock(mm, pmd, addr, ptl);
}

#else

/* NULL: there is no page table any more. Undo with pte_unmap(). */
static inline pte_t *uf_compat_pte_map(pmd_t *pmd, unsigned long addr)
{
	return uf_ksym(__pte_offset_map)(pmd, addr, NULL);
}

/* The same, with the page-table lock. Undo with pte_unmap_unlock(). */
static inline pte_t *uf_compat_pte_map_lock(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
					    spinlock_t **ptl)
{
#ifdef UF_COMPAT_6_12
	return uf_ksym(__pte_offset_map_lock)(mm, pmd, addr, ptl);
#else
	return uf_ksym(pte_offset_map_lock)(mm, pmd, addr, ptl);
#endif
}

#endif

#endif /* UF_COMPAT_PGTABLE_H */
