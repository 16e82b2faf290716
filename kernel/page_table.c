// SPDX-License-Identifier: GPL-2.0-only
/* Walking the levels of page tables. */
#include <linux/userfault.h>

#include <linux/mm.h>

#include "compat/compat.h"
#include "page_table.h"

pmd_t *uf_pmd_find(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud, val;

	if (!pgd_present(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	val = READ_ONCE(*pud);
	if (!pud_present(val) || pud_leaf(val))
		return NULL;
	return pmd_offset_lockless(pud, val, addr);
}
