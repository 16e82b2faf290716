/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events: what mm calls when mappings change, for VMAs of ours.
 *
 * Most events come in two halves. The first (prep) runs under the mmap lock, before or while
 * mappings change: from there on the context counts as changing, and its page operations wait or
 * answer EAGAIN, see change.h. The second (complete) runs after the change, without locks, tells the
 * monitor, and sleeps until that has read it. Both halves are called in place of the kernel's
 * function of the like name, by way of hooks.c.
 */
#ifndef UF_EVENT_H
#define UF_EVENT_H

#include <linux/mm_types.h>

#include "compat/unmap.h"

/*
 * dup_userfaultfd(): @vma is the child's copy, not in its tree yet. Both mmap locks are held for
 * writing. With UFFD_FEATURE_EVENT_FORK it is given to a new context, which the list keeps for the
 * second half; else it is an ordinary VMA from here on. ENOMEM.
 */
int uf_event_fork(struct vm_area_struct *vma, struct list_head *forks);

/* dup_userfaultfd_complete(), _fail(): some of the list are ours. No locks; may sleep. */
void uf_event_fork_complete(struct list_head *forks);
void uf_event_fork_fail(struct list_head *forks);

/*
 * An observer of copy_vma(), see hook.h: @arguments are a pointer to a pointer to a VMA of ours, and
 * address, length and page offset in the file of the copy that is to be made of it. The mmap lock is
 * held for writing.
 */
void uf_event_copy_vma(const unsigned long *arguments);

/*
 * mremap_userfaultfd_prep(): @vma is where the memory went. The mmap lock is held for writing.
 * Without UFFD_FEATURE_EVENT_REMAP it is an ordinary VMA from here on, unless it was merged with what
 * didn't move; else @moved is filled in, for the second half.
 */
void uf_event_mremap(struct vm_area_struct *vma, struct vm_userfaultfd_ctx *moved);

/* mremap_userfaultfd_complete(), _fail(): no locks; may sleep. */
void uf_event_mremap_complete(struct vm_userfaultfd_ctx *moved, unsigned long from,
			      unsigned long to, unsigned long len);
void uf_event_mremap_fail(struct vm_userfaultfd_ctx *moved);

/*
 * userfaultfd_remove(): pages of @vma are about to go. The mmap lock is held for reading. True:
 * nobody needs to know. False: the monitor has been told, and the mmap lock was dropped; may sleep.
 */
bool uf_event_remove(struct vm_area_struct *vma, unsigned long start, unsigned long end);

/*
 * userfaultfd_unmap_prep(): [@start, @end) is about to be unmapped, and @vma lies in it at least in
 * part. Wakes whoever waits for a page of that. The mmap lock is held for writing, and, where the
 * VMA has a lock of its own, that is written and the VMA detached. ENOMEM.
 */
int uf_event_unmap(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		   struct list_head *unmaps);

#if !UF_HAS_UNMAP_BY_VMA
/*
 * The same for all VMAs of the range, native ones included: by the kernel's function. Nothing pins
 * the module meanwhile: uf_event_drain().
 */
int uf_event_unmap_mm(struct mm_struct *mm, unsigned long start, unsigned long end,
		      struct list_head *unmaps);

/*
 * Wait until nobody is in there: a call may find no context of ours, which would pin the module,
 * and the kernel's function sleep below it. Nothing is diverted any more. May sleep.
 */
void uf_event_drain(void);
#else
static inline void uf_event_drain(void)
{
}
#endif

/* userfaultfd_unmap_complete(): some of the list are ours. No locks; may sleep. */
void uf_event_unmap_complete(struct mm_struct *mm, struct list_head *unmaps);

#endif /* UF_EVENT_H */
