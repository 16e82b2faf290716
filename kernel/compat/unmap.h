/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unmapping: userfaultfd_unmap_prep() of 6.1, and VMAs that stay mapped after all.
 *
 * The function of 6.1 takes the mm, and walks the VMAs itself. So one call may concern both our
 * VMAs and native ones. The hook can't walk the VMAs, and doesn't know whether any of them is ours:
 * it diverts the call if the mm may have a context of ours. A small table counts these, because
 * every munmap() in the system goes through the hook. uf_event_unmap_mm() then lists our contexts,
 * and lets the kernel's function do the rest, which skips a context that is on the list already.
 */
#ifndef UF_COMPAT_UNMAP_H
#define UF_COMPAT_UNMAP_H

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/mm.h>

#include "interfaces.h"

#if !UF_HAS_UNMAP_BY_VMA

#define UF_UNMAP_WATCH_BITS	8
extern atomic_t uf_unmap_watch[1 << UF_UNMAP_WATCH_BITS];

/* Count a context of @mm, from before it has its first VMA until after it had its last. */
static inline void uf_compat_unmap_watch(struct mm_struct *mm)
{
	atomic_inc(&uf_unmap_watch[hash_ptr(mm, UF_UNMAP_WATCH_BITS)]);
}

static inline void uf_compat_unmap_unwatch(struct mm_struct *mm)
{
	atomic_dec(&uf_unmap_watch[hash_ptr(mm, UF_UNMAP_WATCH_BITS)]);
}

/* Whether @mm may have a context of ours. uf_hook_stub_mm does the same in assembly. */
static __always_inline bool uf_compat_unmap_watched(struct mm_struct *mm)
{
	return atomic_read(&uf_unmap_watch[hash_ptr(mm, UF_UNMAP_WATCH_BITS)]);
}

#define uf_compat_stub_mm uf_hook_stub_mm

#else

#define uf_compat_stub_mm uf_hook_stub_ask

static inline void uf_compat_unmap_watch(struct mm_struct *mm)
{
}

static inline void uf_compat_unmap_unwatch(struct mm_struct *mm)
{
}

static __always_inline bool uf_compat_unmap_watched(struct mm_struct *mm)
{
	return false;
}

#endif

/*
 * Each hold of the mmap lock for writing has a number, and a VMA keeps the number of the last one
 * in which it was locked. The caller holds the mmap lock. Without locks of VMAs (6.1) there are no
 * such numbers; there, mm calls userfaultfd_unmap_prep() when nothing else can fail any more.
 */
static inline unsigned int uf_compat_vma_hold(const struct vm_area_struct *vma)
{
#if UF_HAS_VMA_HOLD
	return vma->vm_lock_seq;
#else
	return 0;
#endif
}

#endif /* UF_COMPAT_UNMAP_H */
