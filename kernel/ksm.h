/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KSM, which makes one page of several that are alike, forgets that they were protected: a write to
 * one of them would be missed. So what is registered for protection is taken out of it, and
 * stays out while it is registered, whatever madvise() and prctl() say. What they say is no error,
 * as for other memory that KSM can't take.
 *
 * Out of it means that the VMA hasn't VM_MERGEABLE. Three of mm's functions set that on VMAs that
 * are there already, all with the mmap lock held for writing; they are taken over, see hooks.c.
 * ksmd looks at a VMA with that lock held for reading: it never sees what is taken back before the
 * lock is let go.
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
 * The caller holds the mmap lock for writing, and clears VM_MERGEABLE before it lets go of it: until
 * then nothing is merged. May sleep. ENOMEM; ERESTARTSYS: a signal came. Then KSM goes on.
 */
int uf_ksm_unmerge(struct mm_struct *mm, unsigned long start, unsigned long end);

/* In place of ksm_madvise(MADV_MERGEABLE) for what is registered for write protection. */
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
 * In place of ksm_enable_merge_any() and ksm_disable_merge_any(), which puts everything back when it
 * fails: they do what they do, and then what is registered is taken out again.
 */
int uf_ksm_enable_any(struct mm_struct *mm);
int uf_ksm_disable_any(struct mm_struct *mm);

/*
 * Wait until nobody is in these two: they are for every mm, whether it has a context, which would
 * pin the module, or not. Nothing is diverted any more. May sleep.
 */
void uf_ksm_drain(void);

#else

static inline void uf_ksm_drain(void)
{
}

#endif

#endif /* UF_KSM_H */
