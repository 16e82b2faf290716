// SPDX-License-Identifier: GPL-2.0-only
/* The levels of page tables. */
#include <linux/userfault.h>

#include <linux/mm.h>

#include "compat/compat.h"
#include "page_table.h"

static p4d_t *uf_p4d_alloc(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);

#ifndef __PAGETABLE_P4D_FOLDED
	if (pgd_none(*pgd) && uf_ksym(__p4d_alloc)(mm, pgd, addr))
		return NULL;
#endif
	return p4d_offset(pgd, addr);
}

static bool uf_pud_is_table(pud_t pud)
{
	return pud_present(pud) && !pud_leaf(pud);
}

pmd_t *uf_pmd_alloc(struct mm_struct *mm, unsigned long addr)
{
	p4d_t *p4d = uf_p4d_alloc(mm, addr);
	pud_t *pud;

	if (!p4d || (p4d_none(*p4d) && uf_ksym(__pud_alloc)(mm, p4d, addr)))
		return ERR_PTR(-ENOMEM);
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud) && uf_ksym(__pmd_alloc)(mm, pud, addr))
		return ERR_PTR(-ENOMEM);
	return uf_pud_is_table(READ_ONCE(*pud)) ? pmd_offset(pud, addr) : ERR_PTR(-EEXIST);
}

pmd_t *uf_pmd_find(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	if (!pgd_present(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	return uf_pud_is_table(READ_ONCE(*pud)) ? pmd_offset(pud, addr) : NULL;
}
