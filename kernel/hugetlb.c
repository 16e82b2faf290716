// SPDX-License-Identifier: GPL-2.0-only
/* hugetlb memory; see hugetlb.h. */
#include <linux/userfault.h>

#include <linux/hugetlb.h>
#include <linux/userfaultfd_k.h>

#include "compat/compat.h"
#include "compat/hugetlb.h"
#include "hugetlb.h"

void uf_hugetlb_lock(struct vm_area_struct *vma)
{
	uf_compat_hugetlb_lock(vma);
}

void uf_hugetlb_unlock(struct vm_area_struct *vma)
{
	uf_compat_hugetlb_unlock(vma);
}

/*
 * hugetlb doesn't set vmf->pmd. vmf->pte, if set, was found before hugetlb dropped the lock.
 */
bool uf_hugetlb_entry(const struct vm_fault *vmf, pte_t *entry)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	unsigned long size = huge_page_size(hstate_vma(vmf->vma));
	pte_t *pte = uf_ksym(huge_pte_offset)(mm, vmf->address, size);

	if (!pte)
		return false;
	*entry = uf_compat_huge_ptep_get(mm, vmf->address, pte);
	return true;
}

void uf_hugetlb_registered(struct vm_area_struct *vma)
{
	mmap_assert_write_locked(vma->vm_mm);

	if (uffd_disable_huge_pmd_share(vma))
		uf_ksym(hugetlb_unshare_all_pmds)(vma);
}
