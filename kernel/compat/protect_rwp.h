/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read-write protection. mm has it since 7.3, on x86-64 always: mm handles the faults on such
 * pages, and what swap, migration and fork do with them. Older kernels never check why an entry
 * allows no access: there UF_OFFERS_RWP is 0, and no memory can be registered for it.
 */
#ifndef UF_COMPAT_PROTECT_RWP_H
#define UF_COMPAT_PROTECT_RWP_H

#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/pgtable.h>

#include "pgtable.h"

#ifdef CONFIG_USERFAULTFD_RWP

#define UF_OFFERS_RWP		1
#define UF_RWP_FEATURES		(UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC)
#define UF_RWP_API_IOCTLS	BIT_ULL(_UFFDIO_SET_MODE)
#define UF_RWP_RANGE_IOCTLS	BIT_ULL(_UFFDIO_RWPROTECT)

#else

#define UF_OFFERS_RWP		0
#define UF_RWP_FEATURES		0
#define UF_RWP_API_IOCTLS	0ULL
#define UF_RWP_RANGE_IOCTLS	0ULL

#endif

/*
 * Since 7.3 it is an error (EBUSY) to register memory anew without the mode that protects it.
 * Before, that unprotected its pages.
 */
#ifdef VM_UFFD_RWP
#define UF_KEEPS_PROTECTION	1
#else
#define UF_KEEPS_PROTECTION	0
#define VM_UFFD_RWP		VM_NONE
#define MM_CP_UFFD_RWP		0UL
#define MM_CP_UFFD_RWP_RESOLVE	0UL
#endif

/* The modes that leave a mark in page tables. A VMA has one of them at most. */
#define UF_PROTECT_MODES	(VM_UFFD_WP | VM_UFFD_RWP)

/* Whether @vma is registered for it. If so, a page moved there is protected, as upstream. */
static inline bool uf_compat_rwp(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_UFFD_RWP;
}

/*
 * The page protection of an entry that is moved into @vma. With no access it is PAGE_NONE, with the
 * bit for encrypted memory where there is one. pte_modify() does this too, but isn't for modules.
 */
static inline pgprot_t uf_compat_move_prot(const struct vm_area_struct *vma)
{
	return uf_compat_rwp(vma) ? vm_get_page_prot(VM_NONE) : vma->vm_page_prot;
}

static inline pte_t uf_compat_rwp_swap_pte(const struct vm_area_struct *vma, pte_t pte)
{
	return uf_compat_rwp(vma) ? pte_swp_mkuffd_wp(pte) : pte;
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
/* The entry in @vma for @entry, which is the huge zero page; its old protection doesn't count. */
static inline pmd_t uf_compat_move_zero_pmd(const struct vm_area_struct *vma, pmd_t entry)
{
#ifdef CONFIG_USERFAULTFD_RWP
	entry = pmd_mkspecial(folio_mk_pmd(page_folio(pmd_page(entry)), uf_compat_move_prot(vma)));
	return uf_compat_rwp(vma) ? pmd_mkuffd_wp(entry) : entry;
#else
	return pmd_clear_uffd_wp(entry);
#endif
}
#endif

#endif /* UF_COMPAT_PROTECT_RWP_H */
