// SPDX-License-Identifier: GPL-2.0-only
#include <linux/userfault.h>

#include <linux/hugetlb.h>
#include <linux/sched/signal.h>

#ifdef CONFIG_HUGETLB_PAGE
#include "hugetlb.h"
#endif
#include "pgtable.h"
#include "protect.h"
#include "rmap.h"

#if !UF_HAS_WP_ASYNC

static void uf_compat_wp_async_pte(struct vm_fault *vmf)
{
	spinlock_t *ptl;
	pte_t *pte;

	pte = pte_offset_map_lock(vmf->vma->vm_mm, vmf->pmd, vmf->address, &ptl);
	/* The entry stays read-only: nothing changes for the processor, so nothing to flush. */
	if (pte_present(*pte) && pte_uffd_wp(*pte))
		set_pte_at(vmf->vma->vm_mm, vmf->address, pte, pte_clear_uffd_wp(*pte));
	pte_unmap_unlock(pte, ptl);
}

#ifdef CONFIG_HUGETLB_PAGE
/* The next write fault finds out whether the page may be written to or has to be copied. */
static void uf_compat_wp_async_huge(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct hstate *h = hstate_vma(vma);
	spinlock_t *ptl;
	pte_t *pte;

	uf_compat_hugetlb_lock(vma);
	pte = uf_ksym(huge_pte_offset)(vma->vm_mm, vmf->address, huge_page_size(h));
	if (pte) {
		ptl = huge_pte_lock(h, vma->vm_mm, pte);
		if (pte_present(*pte) && huge_pte_uffd_wp(*pte))
			set_huge_pte_at(vma->vm_mm, vmf->address, pte,
					huge_pte_clear_uffd_wp(*pte));
		spin_unlock(ptl);
	}
	uf_compat_hugetlb_unlock(vma);
}

int uf_compat_wp_hugetlb_prepare(struct vm_area_struct *vma, unsigned long start,
				 unsigned long end)
{
	unsigned long addr, size = vma_kernel_pagesize(vma);
	int err = 0;

	mmap_assert_locked(vma->vm_mm);

	uf_ksym(hugetlb_vma_lock_read)(vma);
	for (addr = start; addr < end && !err; addr += size) {
		if (!uf_ksym(huge_pte_alloc)(vma->vm_mm, vma, addr, size))
			err = -ENOMEM;
		else if (fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	}
	uf_ksym(hugetlb_vma_unlock_read)(vma);
	return err;
}
#else
static void uf_compat_wp_async_huge(struct vm_fault *vmf) {}

int uf_compat_wp_hugetlb_prepare(struct vm_area_struct *vma, unsigned long start,
				 unsigned long end)
{
	return 0;
}
#endif

bool uf_compat_wp_async_fault(struct vm_fault *vmf)
{
	if (!uf_compat_wp_wants(vmf->vma, UFFD_FEATURE_WP_ASYNC))
		return false;

	if (is_vm_hugetlb_page(vmf->vma)) {
		uf_compat_wp_async_huge(vmf);
		return true;
	}
	if (pmd_trans_huge(READ_ONCE(*vmf->pmd)))
		uf_compat_split_huge_pmd(vmf->vma, vmf->pmd, vmf->address);
	if (uf_pmd_is_table(READ_ONCE(*vmf->pmd)))
		uf_compat_wp_async_pte(vmf);
	return true;
}

#endif
