/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hugetlb memory, as faults and registrations need it; fill_hugetlb.c fills it.
 *
 * Locking: the page table of a shared mapping may itself be shared with other processes, and be
 * taken away from one of them. The VMA's hugetlb lock, a semaphore, keeps it there. This lock is
 * taken after the page's fault mutex, and before the page-table lock.
 */
#ifndef UF_HUGETLB_H
#define UF_HUGETLB_H

#include <linux/mm.h>

/* As uf_compat_hugetlb_lock(), but can also be called from code that is built without hugetlb. */
void uf_hugetlb_lock(struct vm_area_struct *vma);
void uf_hugetlb_unlock(struct vm_area_struct *vma);

/*
 * Read the page-table entry of a fault's page. False: there is not even a page table for it. The
 * caller holds the hugetlb lock. Doesn't sleep.
 */
bool uf_hugetlb_entry(const struct vm_fault *vmf, pte_t *entry);

/*
 * Call this after a change of @vma's registration. If the monitor is told what this process's page
 * table holds (protection, minor faults), @vma stops sharing page tables: another process must not
 * change what is reported. The caller holds the mmap lock and the VMA's lock for writing. May
 * sleep.
 */
void uf_hugetlb_registered(struct vm_area_struct *vma);

#endif /* UF_HUGETLB_H */
