/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_REGION_H
#define UF_REGION_H

#include <linux/mm_types.h>

struct uf_ctx;

/*
 * Registration. All of these take the mmap lock for writing, and may sleep; the range is checked
 * already (uf_range_check()). Errors are those of the uapi header.
 */

/*
 * Register what is mapped in [@start, @end) with @ctx; @vm_flags: VM_UFFD_* bits. @huge: whether
 * some of it is hugetlb memory. Where that changes a registration of @ctx its waiters are woken, also
 * if there is an error further on.
 */
int uf_region_register(struct uf_ctx *ctx, unsigned long start, unsigned long end,
		       unsigned long vm_flags, bool *huge);

/* Unregister what is registered there, and wake its waiters; after an error, as far as it came. */
int uf_region_unregister(struct uf_ctx *ctx, unsigned long start, unsigned long end);

/*
 * Unregister what mremap() has moved and merged with memory that is registered, and wake its
 * waiters; see mremap.h.
 */
void uf_region_settle(struct uf_ctx *ctx);

/* Unregister all that is left of @ctx, in whatever order. */
void uf_region_unregister_all(struct uf_ctx *ctx);

/*
 * Take a VMA out of its context, whatever lies in it. For a VMA that has just been made (fork,
 * mremap) and holds the context only by copy. Caller holds the mmap lock of its mm for writing.
 */
void uf_region_forget(struct vm_area_struct *vma);

/* The same for one whose pages may be protected, which they are no more. May sleep. */
void uf_region_release(struct vm_area_struct *vma);

/*
 * The same for every VMA of a context that nobody will serve, of a child that has not run yet. Its
 * mm is held by the caller, who is about to make it that of a process. May sleep.
 */
void uf_region_forget_all(struct uf_ctx *ctx);

/*
 * Turn features of a context in use on, and others off. A fault that is under way, with the old
 * ones, holds the lock of its VMA, or the mmap lock, until its thread is a waiter. Writing all these
 * locks waits for that: who wakes the waiters afterwards finds it. Each fault that comes later sees
 * the new ones. The caller holds the address space (mmget).
 */
void uf_region_set_features(struct uf_ctx *ctx, unsigned int enable, unsigned int disable);

#endif /* UF_REGION_H */
