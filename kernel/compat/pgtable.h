/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables. Since 6.5 (the series "mm: allow pte_offset_map[_lock]() to fail") a page table can
 * go away under a reader, mapping it takes an RCU read lock, and may fail.
 */
#ifndef UF_COMPAT_PGTABLE_H
#define UF_COMPAT_PGTABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/swap.h>

#include "ksyms.h"

#if !UF_HAS_LEAF_ENTRIES

#include <linux/swapops.h>

/* Of markers, there are only those of userfaultfd and of pages that are lost. */
#define pte_is_uffd_marker(pte) is_pte_marker(pte)
#define pte_is_uffd_wp_marker(pte) pte_marker_uffd_wp(pte)
#define folio_mk_pte(folio, prot) mk_pte(&(folio)->page, prot)
#define zero_pfn(addr) my_zero_pfn(addr)

/* What an entry has that isn't present. */
#define softleaf_from_pte(pte) pte_to_swp_entry(pte)
#define softleaf_is_migration(entry) is_migration_entry(entry)
#define softleaf_is_swap(entry) (!non_swap_entry(entry))
#define pmd_is_migration_entry(pmd) is_pmd_migration_entry(pmd)

#else

#include <linux/leafops.h>
#include <linux/swapops.h>

#endif

/*
 * Since 7.3 the bit of write protection is that of read-write protection too, and its functions
 * have lost the "_wp". What says "_wp" here means write protection.
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

/*
 * Whether a pmd entry is a page table: it is there, and no huge page, which keeps its bit while it
 * is split. In a few instructions, where pmd_present() alone takes a dozen.
 */
static inline bool uf_pmd_is_table(pmd_t pmd)
{
	return (pmd_val(pmd) & (_PAGE_PRESENT | _PAGE_PSE)) == _PAGE_PRESENT;
}

/* The entry for @addr in @table, which is a page table: pte_offset_kernel() asks again whether. */
static inline pte_t *uf_pmd_table_entry(pmd_t table, unsigned long addr)
{
	return (pte_t *)__va(pmd_val(table) & PTE_PFN_MASK) + pte_index(addr);
}

#if !UF_HAS_VANISHING_PAGE_TABLES

/* What these do is said below. Here a page table stays, once it is seen, under the mmap lock. */
static inline pte_t *uf_compat_pte_map_pmd(pmd_t *pmd, unsigned long addr, pmd_t *val)
{
	*val = pmdp_get_lockless(pmd);
	if (!uf_pmd_is_table(*val))
		return NULL;
	return uf_pmd_table_entry(*val, addr);
}

static inline pte_t *uf_compat_pte_map_lock(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
					    spinlock_t **ptl)
{
	pmd_t val;
	pte_t *pte = uf_compat_pte_map_pmd(pmd, addr, &val);

	if (pte) {
		*ptl = pte_lockptr(mm, &val);
		spin_lock(*ptl);
	}
	return pte;
}

#else

/*
 * The entry for @addr, and the pmd entry that it was found by, whose page-table lock it has. NULL:
 * there is no page table, or not any more. Undo with pte_unmap().
 */
static inline pte_t *uf_compat_pte_map_pmd(pmd_t *pmd, unsigned long addr, pmd_t *val)
{
	return uf_ksym(__pte_offset_map)(pmd, addr, val);
}

/* The entry, with the page-table lock. NULL: as above. Undo with pte_unmap_unlock(). */
static inline pte_t *uf_compat_pte_map_lock(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
					    spinlock_t **ptl)
{
#if UF_HAS_LINKED_PTE_MAP_LOCK
	return uf_ksym(pte_offset_map_lock)(mm, pmd, addr, ptl);
#else
	return uf_ksym(__pte_offset_map_lock)(mm, pmd, addr, ptl);
#endif
}

#endif

static inline pte_t *uf_compat_pte_map(pmd_t *pmd, unsigned long addr)
{
	pmd_t val;

	return uf_compat_pte_map_pmd(pmd, addr, &val);
}

/*
 * An entry in place of a page that is not to be had: who touches it gets SIGBUS as for a page with
 * a memory error. A marker since 6.6. Before, what such a page leaves behind, with the zero page as
 * the page: no page has an error, the entry only needs one that is always there. A kernel of then
 * that knows no memory errors (Debian's for clouds) has no such entry: UF_OFFERS_POISON is 0 there.
 */
#if UF_HAS_POISON_MARKER || defined(CONFIG_MEMORY_FAILURE)

#define UF_OFFERS_POISON		1
#define UF_POISON_FEATURES	UFFD_FEATURE_POISON
#define UF_POISON_IOCTLS	BIT_ULL(_UFFDIO_POISON)

static inline pte_t uf_compat_poison_entry(void)
{
#if !UF_HAS_POISON_MARKER
	return swp_entry_to_pte(swp_entry(SWP_HWPOISON, zero_pfn(0)));
#else
	return make_pte_marker(PTE_MARKER_POISONED);
#endif
}

#else

#define UF_OFFERS_POISON		0
#define UF_POISON_FEATURES	0
#define UF_POISON_IOCTLS	0ULL

static inline pte_t uf_compat_poison_entry(void)
{
	return __pte(0);
}

#endif

/* Protecting such a page, or moving its mapping, may have left flags in the entry. */
static inline bool uf_pte_poisoned(pte_t pte)
{
#if !UF_OFFERS_POISON
	return false;
#elif !UF_HAS_POISON_MARKER
	return is_swap_pte(pte) && pte_to_swp_entry(pte).val ==
				   pte_to_swp_entry(uf_compat_poison_entry()).val;
#elif !UF_HAS_LEAF_ENTRIES
	return is_swap_pte(pte) && is_poisoned_swp_entry(pte_to_swp_entry(pte));
#else
	return softleaf_is_poison_marker(softleaf_from_pte(pte));
#endif
}

/*
 * Whether an entry has no page, and may be given one. Guard regions, since 6.13, have markers that
 * stay.
 */
static __always_inline bool uf_pte_missing(pte_t pte)
{
	return pte_none(pte) || pte_is_uffd_marker(pte) || uf_pte_poisoned(pte);
}

#endif /* UF_COMPAT_PGTABLE_H */
