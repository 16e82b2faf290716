/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FAULT_H
#define UF_FAULT_H

#include <linux/mm.h>

#include "compat/compat.h"

/*
 * In place of the kernel's handle_userfault(), for a VMA of ours. Called with the fault lock held
 * (the mmap lock for reading, or the VMA's) and no page-table lock; may sleep. @reason is the one
 * VM_UFFD_* bit that the fault is for.
 *
 * VM_FAULT_RETRY: try the access again; the fault lock was dropped, unless FAULT_FLAG_RETRY_NOWAIT
 * was given. VM_FAULT_SIGBUS: nobody will resolve this fault; the fault lock is still held.
 */
vm_fault_t uf_fault_handle(struct vm_fault *vmf, unsigned long reason);

/*
 * Whether an entry, of a page of any size, is still what a fault for @reason is about. A page that
 * isn't there any more, or whose entry is on its way through swap or migration, is for mm to find
 * out about: the access is tried again, and may fault again.
 */
static inline bool uf_fault_pte_unresolved(pte_t pte, unsigned long reason)
{
	if (reason & VM_UFFD_WP)
		return pte_present(pte) && pte_uffd_wp(pte);
	if (reason & VM_UFFD_RWP)
		return pte_protnone(pte) && pte_uffd_wp(pte);
	return pte_none(pte) || (uf_pte_missing(pte) && !uf_pte_poisoned(pte));
}

#endif /* UF_FAULT_H */
