// SPDX-License-Identifier: GPL-2.0-only
#include <linux/userfault.h>

#include "compat.h"

#ifdef UF_COMPAT_6_1

static void uf_compat_wp_async_pte(struct vm_fault *vmf)
{
	spinlock_t *ptl;
	pte_t *pte;

	pte = pte_offset_map_lock(vmf->vma->vm_mm, vmf->pmd, vmf->address, &ptl);
	/* Still not writable: nothing changes for the processor, and there is nothing to flush. */
	if (pte_present(*pte) && pte_uffd_wp(*pte))
		set_pte_at(vmf->vma->vm_mm, vmf->address, pte, pte_clear_uffd_wp(*pte));
	pte_unmap_unlock(pte, ptl);
}

bool uf_compat_wp_async_fault(struct vm_fault *vmf)
{
	pmd_t pmd;

	if (!uf_compat_wp_wants(vmf->vma, UFFD_FEATURE_WP_ASYNC))
		return false;

	if (pmd_trans_huge(READ_ONCE(*vmf->pmd)))
		uf_ksym(__split_huge_pmd)(vmf->vma, vmf->pmd, vmf->address, false, NULL);
	pmd = READ_ONCE(*vmf->pmd);
	if (pmd_present(pmd) && !pmd_trans_huge(pmd))
		uf_compat_wp_async_pte(vmf);
	return true;
}

#endif
