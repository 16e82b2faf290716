/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_PAGE_TABLE_H
#define UF_PAGE_TABLE_H

#include <linux/mm_types.h>

/*
 * The pmd entry for @addr, with the levels above it; -ENOMEM; -EEXIST: one pud entry maps all that
 * is there, as DAX does. Caller keeps the VMA there from going away.
 */
pmd_t *uf_pmd_alloc(struct mm_struct *mm, unsigned long addr);

/* The same, as far as it exists; NULL: it doesn't, for all that one pud entry could map. */
pmd_t *uf_pmd_find(struct mm_struct *mm, unsigned long addr);

#endif /* UF_PAGE_TABLE_H */
