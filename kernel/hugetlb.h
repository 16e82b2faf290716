/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of hugetlb, seen from a fault and from a registration; fill_hugetlb.c fills it.
 *
 * Locking: the page table of a shared mapping may itself be shared with other processes, and be
 * taken away from one of them. The VMA's hugetlb lock, a semaphore, keeps it; it comes after the
 * fault mutex of the page, and before the page-table lock.
 */
#ifndef UF_HUGETLB_H
#define UF_HUGETLB_H

#include <linux/mm.h>

/* As uf_compat_hugetlb_lock(); for callers that are compiled without hugetlb, too. */
void uf_hugetlb_lock(struct vm_area_struct *vma);
void uf_hugetlb_unlock(struct vm_area_struct *vma);

/*
 * The entry of the page of a fault; false: there is not even a page table for it. Caller holds the
 * lock; doesn't sleep.
 */
bool uf_hugetlb_entry(const struct vm_fault *vmf, pte_t *entry);

/*
 * After a change of @vma's registration: what is told of one process's page table must not change
 * with another's. Caller holds the mmap lock and the VMA's lock for writing. May sleep.
 */
void uf_hugetlb_registered(struct vm_area_struct *vma);

#endif /* UF_HUGETLB_H */
