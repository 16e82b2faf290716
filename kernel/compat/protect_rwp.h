/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read-write protection, which mm has since 7.3, on x86-64 always: the faults on such pages, and
 * what becomes of them in swap, migration and fork, are its work. Kernels before never ask whom an
 * entry without access belongs to. There UF_OFFERS_RWP is 0, and nothing can be registered for it.
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
 * Since then, too, who registers memory anew and leaves out what protects it is told so (EBUSY),
 * where its pages were unprotected before.
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

/* Whether @vma is registered for it: then what comes there by a move is protected, as upstream. */
static inline bool uf_compat_rwp(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_UFFD_RWP;
}

/*
 * What the entry of a page allows that comes into @vma by a move. No access is PAGE_NONE, with the
 * bit for encrypted memory where there is one: pte_modify() knows that too, but isn't for modules.
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
/* The same of @entry, of the huge zero page, whose protection where it was is of no account. */
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
