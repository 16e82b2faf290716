/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_PAGE_TABLE_H
#define UF_PAGE_TABLE_H

#include <linux/mm.h>

#include "compat/compat.h"

static __always_inline p4d_t *uf_p4d_alloc(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);

#ifndef __PAGETABLE_P4D_FOLDED
	if (pgd_none(*pgd) && uf_ksym(__p4d_alloc)(mm, pgd, addr))
		return NULL;
#endif
	return p4d_offset(pgd, addr);
}

/*
 * The pmd entry for @addr; allocates the levels above it. -ENOMEM; -EEXIST: a huge pud entry maps
 * @addr, as with DAX. The caller keeps the VMA there from going away. Inlined, because a fill of
 * one page does little else.
 */
static __always_inline pmd_t *uf_pmd_alloc(struct mm_struct *mm, unsigned long addr)
{
	p4d_t *p4d = uf_p4d_alloc(mm, addr);
	pud_t *pud, val;

	if (!p4d || (p4d_none(*p4d) && uf_ksym(__pud_alloc)(mm, p4d, addr)))
		return ERR_PTR(-ENOMEM);
	pud = pud_offset(p4d, addr);
	val = READ_ONCE(*pud);
	if (pud_none(val)) {
		if (uf_ksym(__pmd_alloc)(mm, pud, addr))
			return ERR_PTR(-ENOMEM);
		val = READ_ONCE(*pud);
	}
	if (unlikely(pud_leaf(val)))
		return ERR_PTR(-EEXIST);
	return pmd_offset_lockless(pud, val, addr);
}

/* The same without allocating. NULL: there is none, for the whole range that a pud entry covers. */
pmd_t *uf_pmd_find(struct mm_struct *mm, unsigned long addr);

/* Give @pmd a page table if it is empty. -ENOMEM. May sleep. */
static inline int uf_pte_alloc(struct mm_struct *mm, pmd_t *pmd)
{
	return pmd_none(pmdp_get_lockless(pmd)) && uf_ksym(__pte_alloc)(mm, pmd) ? -ENOMEM : 0;
}

#endif /* UF_PAGE_TABLE_H */
