/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables. Since 6.5 (the series "mm: allow pte_offset_map[_lock]() to fail") a page table can
 * go away while a thread reads it. Mapping it takes an RCU read lock, and may fail.
 */
#ifndef UF_COMPAT_PGTABLE_H
#define UF_COMPAT_PGTABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/swap.h>

#include "entry.h"
#include "ksyms.h"
#include "poison.h"

/*
 * Whether a pmd entry is a page table: it is present, and is not a huge page, which keeps _PAGE_PSE
 * while it is split. Takes a few instructions, where pmd_present() alone takes a dozen.
 */
static inline bool uf_pmd_is_table(pmd_t pmd)
{
	return (pmd_val(pmd) & (_PAGE_PRESENT | _PAGE_PSE)) == _PAGE_PRESENT;
}

/* The entry for @addr in @table, a page table. pte_offset_kernel() would check that again. */
static inline pte_t *uf_pmd_table_entry(pmd_t table, unsigned long addr)
{
	return (pte_t *)__va(pmd_val(table) & PTE_PFN_MASK) + pte_index(addr);
}

#if !UF_HAS_VANISHING_PAGE_TABLES

/* Comments are at #else. On these kernels a page table, once seen, stays under the mmap lock. */
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
 * sparse counts the locks that a function drops, and doesn't see those that mm's functions have
 * taken when they return an entry. To clang, which knows more kinds of locks, this says too much.
 */
#ifdef __CHECKER__
#define uf_compat_pte_mapped()		__acquire(RCU)
#define uf_compat_pte_locked(ptl)	__acquire(ptl)
#else
#define uf_compat_pte_mapped()		do { } while (0)
#define uf_compat_pte_locked(ptl)	((void)(ptl))
#endif

/*
 * Map the entry for @addr. *@val becomes the pmd entry that led to it, and by which its page-table
 * lock can be found. NULL: there is no page table, or not any more. Undo with pte_unmap().
 */
static inline pte_t *uf_compat_pte_map_pmd(pmd_t *pmd, unsigned long addr, pmd_t *val)
{
	pte_t *pte = uf_ksym(__pte_offset_map)(pmd, addr, val);

	if (pte)
		uf_compat_pte_mapped();
	return pte;
}

/* Map the entry and take its page-table lock. NULL: as above. Undo with pte_unmap_unlock(). */
static inline pte_t *uf_compat_pte_map_lock(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
					    spinlock_t **ptl)
{
#if UF_HAS_LINKED_PTE_MAP_LOCK
	pte_t *pte = uf_ksym(pte_offset_map_lock)(mm, pmd, addr, ptl);
#else
	pte_t *pte = uf_ksym(__pte_offset_map_lock)(mm, pmd, addr, ptl);
#endif

	if (pte) {
		uf_compat_pte_mapped();
		uf_compat_pte_locked(*ptl);
	}
	return pte;
}

#endif

static inline pte_t *uf_compat_pte_map(pmd_t *pmd, unsigned long addr)
{
	pmd_t val;

	return uf_compat_pte_map_pmd(pmd, addr, &val);
}

/*
 * Whether an entry has no page, and may be given one. The markers of guard regions, since 6.13,
 * have to stay.
 */
static __always_inline bool uf_pte_missing(pte_t pte)
{
	return pte_none(pte) || pte_is_uffd_marker(pte) || uf_pte_poisoned(pte);
}

#endif /* UF_COMPAT_PGTABLE_H */
