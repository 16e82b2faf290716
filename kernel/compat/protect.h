/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Write protection: changing it in page tables, and what the newest kernels do by themselves.
 *
 * Since 6.4 anonymous memory can have markers (UFFD_FEATURE_WP_UNPOPULATED), and since 6.7 mm
 * resolves a write to a protected page of a context with UFFD_FEATURE_WP_ASYNC itself: both ask the
 * context's features. Kernels before get here what comes nearest.
 */
#ifndef UF_COMPAT_PROTECT_H
#define UF_COMPAT_PROTECT_H

#include <linux/mm.h>
#include <linux/swapops.h>

#include "ksyms.h"
#include "ctx_view.h"

/* @vma's context, if it has one, uses @feature. */
static inline bool uf_compat_wp_wants(const struct vm_area_struct *vma, unsigned int feature)
{
	return vma->vm_userfaultfd_ctx.ctx && vma->vm_userfaultfd_ctx.ctx->features & feature;
}

#if !UF_HAS_WP_ASYNC

/*
 * Whether absent pages of @vma, anonymous memory, are to be protected. On memory that is registered
 * for missing pages too a write to one is told of as it is, and a zero page would hide that it is
 * missing.
 */
static inline bool uf_compat_wp_absent(const struct vm_area_struct *vma)
{
	return uf_compat_wp_wants(vma, UFFD_FEATURE_WP_UNPOPULATED) &&
	       !(vma->vm_flags & VM_UFFD_MISSING);
}

/*
 * The entry for a protected page that isn't there: the zero page, which pagemap takes for a page.
 */
static inline pte_t uf_compat_wp_absent_pte(struct vm_area_struct *vma, unsigned long addr)
{
	return pte_mkuffd_wp(pte_mkspecial(pfn_pte(my_zero_pfn(addr), vma->vm_page_prot)));
}

/*
 * A write to a protected page whose context wants it resolved at once: unprotect the one page, of a
 * huge one the part. Returns whether that is so; the access is to be tried again. Takes and leaves
 * the fault lock as it is. May sleep.
 */
bool uf_compat_wp_async_fault(struct vm_fault *vmf);

/*
 * Page tables for hugetlb's absent pages in the range, which change_protection() passes over in
 * silence if there is no memory for them. Caller holds the mmap lock. May sleep. ENOMEM; EINTR:
 * the caller is being killed.
 */
int uf_compat_wp_hugetlb_prepare(struct vm_area_struct *vma, unsigned long start,
				 unsigned long end);

/* Whether @vma, a file's other than shmem, can be protected: a huge pud entry would be lost. */
static inline bool uf_compat_wp_any_file(struct vm_area_struct *vma)
{
	return !vma_is_dax(vma);
}

#else

static inline bool uf_compat_wp_absent(const struct vm_area_struct *vma)
{
	return uf_compat_wp_wants(vma, UFFD_FEATURE_WP_UNPOPULATED);
}

static inline pte_t uf_compat_wp_absent_pte(struct vm_area_struct *vma, unsigned long addr)
{
	return make_pte_marker(PTE_MARKER_UFFD_WP);
}

static inline bool uf_compat_wp_async_fault(struct vm_fault *vmf)
{
	return false;
}

static inline int uf_compat_wp_hugetlb_prepare(struct vm_area_struct *vma, unsigned long start,
					       unsigned long end)
{
	return 0;
}

static inline bool uf_compat_wp_any_file(struct vm_area_struct *vma)
{
	return true;
}

#endif

/* The pages that were changed, or an error. Caller holds the mmap lock. May sleep. */
static inline long uf_compat_change_protection(struct mmu_gather *tlb, struct vm_area_struct *vma,
					       unsigned long start, unsigned long end,
					       unsigned long flags)
{
	lockdep_assert_held(&vma->vm_mm->mmap_lock);

#if UF_HAS_SHORT_CHANGE_PROTECTION
	return uf_ksym(change_protection)(tlb, vma, start, end, flags);
#else
	/* While registered for write protection no entry of a shared VMA is writable by default. */
	return uf_ksym(change_protection)(tlb, vma, start, end, vma->vm_page_prot, flags);
#endif
}

#endif /* UF_COMPAT_PROTECT_H */
