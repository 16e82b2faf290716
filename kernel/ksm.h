/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KSM makes one page of several equal ones, and forgets that they were protected: a write to one of
 * them would be missed. So a VMA that is registered for protection is taken out of KSM, and stays
 * out while it is registered, whatever madvise() and prctl() ask for. These calls don't fail, just
 * as for other memory that KSM can't merge.
 *
 * Taken out means that the VMA doesn't have VM_MERGEABLE. Three functions of mm set this flag on
 * VMAs that exist already, all with the mmap lock held for writing. The module takes these over,
 * see hooks.c. ksmd looks at a VMA with the mmap lock held for reading: it never sees a flag that
 * is cleared again before the lock is dropped.
 */
#ifndef UF_KSM_H
#define UF_KSM_H

#include <linux/mm.h>

#include "compat/interfaces.h"
#include "compat/protect_rwp.h"

static __always_inline bool uf_ksm_refused(const struct vm_area_struct *vma)
{
	return vma->vm_flags & UF_PROTECT_MODES;
}

#ifdef CONFIG_KSM

/*
 * Give each address of [@start, @end) that shares a page with others through KSM a page of its own.
 * The caller holds the mmap lock for writing, and clears VM_MERGEABLE before it drops the lock:
 * until then KSM merges nothing. May sleep. ENOMEM; ERESTARTSYS: a signal came. After an error KSM
 * goes on.
 */
int uf_ksm_unmerge(struct mm_struct *mm, unsigned long start, unsigned long end);

/* Runs in place of ksm_madvise(MADV_MERGEABLE) on a VMA that is registered for protection. */
int uf_ksm_madvise(struct vm_area_struct *vma, unsigned long start, unsigned long end, int advice,
		   unsigned long *vm_flags);

#else

static inline int uf_ksm_unmerge(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	return 0;
}

#endif

#if defined(CONFIG_KSM) && UF_HAS_KSM_MERGE_ANY

/*
 * Run in place of ksm_enable_merge_any(), and of ksm_disable_merge_any(), which makes everything
 * mergeable again when it fails. They call mm's function, and then take the VMAs that are
 * registered for protection out of KSM again.
 */
int uf_ksm_enable_any(struct mm_struct *mm);
int uf_ksm_disable_any(struct mm_struct *mm);

/*
 * Wait until no thread is in these two functions: they run also for an mm that has no context to
 * pin the module. No call is diverted any more when this is called. May sleep.
 */
void uf_ksm_drain(void);

#else

static inline void uf_ksm_drain(void)
{
}

#endif

#endif /* UF_KSM_H */
