/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Write protection: changing it in page tables, and what the newest kernels do by themselves.
 *
 * Since 6.4 anonymous memory can have markers (UFFD_FEATURE_WP_UNPOPULATED), and since 6.7 mm
 * itself resolves a write to a protected page of a context with UFFD_FEATURE_WP_ASYNC. For both mm
 * looks at the context's features. This file has the nearest equivalents for older kernels.
 */
#ifndef UF_COMPAT_PROTECT_H
#define UF_COMPAT_PROTECT_H

#include <linux/mm.h>
#include <linux/swapops.h>

#include "ksyms.h"
#include "ctx_view.h"

/* Whether @vma has a context that uses @feature. */
static inline bool uf_compat_wp_wants(const struct vm_area_struct *vma, unsigned int feature)
{
	return vma->vm_userfaultfd_ctx.ctx && vma->vm_userfaultfd_ctx.ctx->features & feature;
}

#if !UF_HAS_WP_ASYNC

/*
 * Whether absent pages of @vma, which is anonymous memory, are to be protected. Not if @vma is
 * registered for missing pages too: the monitor gets a write to an absent page as a fault anyway,
 * and a zero page would hide that the page is missing.
 */
static inline bool uf_compat_wp_absent(const struct vm_area_struct *vma)
{
	return uf_compat_wp_wants(vma, UFFD_FEATURE_WP_UNPOPULATED) &&
	       !(vma->vm_flags & VM_UFFD_MISSING);
}

/*
 * The entry for a protected page that is absent: the zero page, which pagemap shows as present.
 */
static inline pte_t uf_compat_wp_absent_pte(struct vm_area_struct *vma, unsigned long addr)
{
	return pte_mkuffd_wp(pte_mkspecial(pfn_pte(my_zero_pfn(addr), vma->vm_page_prot)));
}

/*
 * Resolve a write to a protected page if its context has UFFD_FEATURE_WP_ASYNC: unprotect the one
 * page; of a transparent huge page, only the part written to. Returns whether the context has that
 * feature; then the faulting thread has to try the access again. The caller keeps the fault lock.
 * May sleep.
 */
bool uf_compat_wp_async_fault(struct vm_fault *vmf);

/*
 * Make page tables for hugetlb's absent pages in the range. If there is no memory for one,
 * change_protection() would stop there without an error. The caller holds the mmap lock. May sleep.
 * ENOMEM; EINTR: the caller is being killed.
 */
int uf_compat_wp_hugetlb_prepare(struct vm_area_struct *vma, unsigned long start,
				 unsigned long end);

/*
 * Whether @vma, of a file other than shmem, can be protected. DAX can't: its huge pud entries would
 * be lost.
 */
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

/* Returns the number of pages changed, or an error. The caller holds the mmap lock. May sleep. */
static inline long uf_compat_change_protection(struct mmu_gather *tlb, struct vm_area_struct *vma,
					       unsigned long start, unsigned long end,
					       unsigned long flags)
{
	lockdep_assert_held(&vma->vm_mm->mmap_lock);

#if UF_HAS_SHORT_CHANGE_PROTECTION
	return uf_ksym(change_protection)(tlb, vma, start, end, flags);
#else
	/* Registered for write protection, a shared VMA has a vm_page_prot without writes. */
	return uf_ksym(change_protection)(tlb, vma, start, end, vma->vm_page_prot, flags);
#endif
}

#endif /* UF_COMPAT_PROTECT_H */
