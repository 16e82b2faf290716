/* SPDX-License-Identifier: GPL-2.0-only */
/* Page-table entries: the newest kernels' names for what an entry may hold. */
#ifndef UF_COMPAT_ENTRY_H
#define UF_COMPAT_ENTRY_H

#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/swap.h>

#include "interfaces.h"

#if !UF_HAS_LEAF_ENTRIES

#include <linux/swapops.h>

/*
 * The marker of a guard region (since 6.13) stays. All others are of userfaultfd or of lost pages.
 */
static inline bool pte_is_uffd_marker(pte_t pte)
{
#ifdef PTE_MARKER_GUARD
	return is_pte_marker(pte) && !(pte_marker_get(pte_to_swp_entry(pte)) & PTE_MARKER_GUARD);
#else
	return is_pte_marker(pte);
#endif
}

#define pte_is_uffd_wp_marker(pte) pte_marker_uffd_wp(pte)
#define folio_mk_pte(folio, prot) mk_pte(&(folio)->page, prot)
#define zero_pfn(addr) my_zero_pfn(addr)

/* What an entry holds that isn't present. */
#define softleaf_from_pte(pte) pte_to_swp_entry(pte)
#define softleaf_is_migration(entry) is_migration_entry(entry)
#define softleaf_is_swap(entry) (!non_swap_entry(entry))
#define pmd_is_migration_entry(pmd) is_pmd_migration_entry(pmd)

#else

#include <linux/leafops.h>
#include <linux/swapops.h>

#endif

/*
 * Since 7.3 one bit serves write protection and read-write protection, and its functions have lost
 * the "_wp". The module uses the older names for both.
 */
#if UF_HAS_UFFD_BIT
#define pte_uffd_wp(pte) pte_uffd(pte)
#define pte_mkuffd_wp(pte) pte_mkuffd(pte)
#define pte_clear_uffd_wp(pte) pte_clear_uffd(pte)
#define pte_swp_uffd_wp(pte) pte_swp_uffd(pte)
#define pte_swp_mkuffd_wp(pte) pte_swp_mkuffd(pte)
#define pte_swp_clear_uffd_wp(pte) pte_swp_clear_uffd(pte)
#define pmd_uffd_wp(pmd) pmd_uffd(pmd)
#define pmd_mkuffd_wp(pmd) pmd_mkuffd(pmd)
#define pmd_clear_uffd_wp(pmd) pmd_clear_uffd(pmd)
#define huge_pte_uffd_wp(pte) huge_pte_uffd(pte)
#endif

#if !UF_HAS_PMDP_GET_LOCKLESS
#define pmdp_get_lockless(pmd) READ_ONCE(*(pmd))
#endif
#if !UF_HAS_MKWRITE_NOVMA
#define pte_mkwrite_novma(pte) pte_mkwrite(pte)
#define pmd_mkwrite_novma(pmd) pmd_mkwrite(pmd)
#endif

#endif /* UF_COMPAT_ENTRY_H */
