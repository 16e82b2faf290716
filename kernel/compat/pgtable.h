/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables. Since 6.5 (the series "mm: allow pte_offset_map[_lock]() to fail") a page table can go
 * away under a reader, mapping it takes an RCU read lock, and may fail.
 */
#ifndef UF_COMPAT_PGTABLE_H
#define UF_COMPAT_PGTABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>

#include "../ksyms.h"

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
	return uf_ksym(__pte_offset_map_lock)(mm, pmd, addr, ptl);
}

#endif

#endif /* UF_COMPAT_PGTABLE_H */
