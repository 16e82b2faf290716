/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events: the functions that mm calls when mappings change, for VMAs registered with our contexts.
 *
 * Most events come in two halves. The first (prep) runs under the mmap lock, before or while
 * mappings change. From there on the context counts as changing, and its page operations wait or
 * fail with EAGAIN, see change.h. The second (complete) runs after the change, without locks. It
 * queues the event and sleeps until the monitor has read it. hooks.c calls both halves in place of
 * the kernel's functions of similar names.
 */
#ifndef UF_EVENT_H
#define UF_EVENT_H

#include <linux/mm_types.h>

#include "compat/unmap.h"

/*
 * dup_userfaultfd(): @vma is the child's copy, not in its tree yet. The caller holds both mmap
 * locks for writing. With UFFD_FEATURE_EVENT_FORK, @vma gets a new context, which @forks keeps for
 * the second half. Otherwise @vma is an ordinary VMA from here on. ENOMEM.
 */
int uf_event_fork(struct vm_area_struct *vma, struct list_head *forks);

/* dup_userfaultfd_complete(), _fail(): some entries of @forks are ours. No locks; may sleep. */
void uf_event_fork_complete(struct list_head *forks);
void uf_event_fork_fail(struct list_head *forks);

/*
 * An observer of copy_vma(), see hook.h. @arguments are a pointer to a pointer to a VMA of ours,
 * then the address, length and page offset of the copy that copy_vma() is about to make. The caller
 * holds the mmap lock for writing.
 */
void uf_event_copy_vma(const unsigned long *arguments);

/*
 * mremap_userfaultfd_prep(): @vma is where the memory went. The caller holds the mmap lock for
 * writing. Without UFFD_FEATURE_EVENT_REMAP @vma is an ordinary VMA from here on, unless mm has
 * merged it with memory that didn't move. In all other cases this fills in @moved for the second
 * half.
 */
void uf_event_mremap(struct vm_area_struct *vma, struct vm_userfaultfd_ctx *moved);

/* mremap_userfaultfd_complete(), _fail(): no locks; may sleep. */
void uf_event_mremap_complete(struct vm_userfaultfd_ctx *moved, unsigned long from,
			      unsigned long to, unsigned long len);
void uf_event_mremap_fail(struct vm_userfaultfd_ctx *moved);

/*
 * userfaultfd_remove(): mm is about to remove pages of @vma. The caller holds the mmap lock for
 * reading. True: the monitor doesn't want this event. False: this has dropped the mmap lock and
 * waited for the monitor to read the event; may sleep.
 */
bool uf_event_remove(struct vm_area_struct *vma, unsigned long start, unsigned long end);

/*
 * userfaultfd_unmap_prep(): mm is about to unmap [@start, @end), and @vma lies in it at least in
 * part. Wakes every waiter for a page of that part. The caller holds the mmap lock for writing.
 * Where the VMA has a lock of its own, that lock is written and the VMA detached. ENOMEM.
 */
int uf_event_unmap(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		   struct list_head *unmaps);

#if !UF_HAS_UNMAP_BY_VMA
/*
 * The same for all VMAs of the range. For native ones this calls the kernel's function. Nothing
 * pins the module meanwhile, see uf_event_drain().
 */
int uf_event_unmap_mm(struct mm_struct *mm, unsigned long start, unsigned long end,
		      struct list_head *unmaps);

/*
 * Wait until no thread is in uf_event_unmap_mm(). A call may find no context of ours that would pin
 * the module, and may sleep in the kernel's function below it. No hook diverts calls any more. May
 * sleep.
 */
void uf_event_drain(void);
#else
static inline void uf_event_drain(void)
{
}
#endif

/* userfaultfd_unmap_complete(): some entries of @unmaps are ours. No locks; may sleep. */
void uf_event_unmap_complete(struct mm_struct *mm, struct list_head *unmaps);

#endif /* UF_EVENT_H */
