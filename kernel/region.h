/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_REGION_H
#define UF_REGION_H

#include <linux/mm_types.h>

struct uf_ctx;

/*
 * Registration. Unless said otherwise, these functions take the mmap lock for writing, and may
 * sleep. The caller has checked the range with uf_range_check(). Errors are those of the uapi
 * header.
 */

/*
 * Register all mappings in [@start, @end) with @ctx; @vm_flags: VM_UFFD_* bits. Sets @huge to
 * whether any of them is hugetlb memory. Where this changes an existing registration of @ctx, it
 * wakes the waiters, even if an error follows further on.
 */
int uf_region_register(struct uf_ctx *ctx, unsigned long start, unsigned long end,
		       unsigned long vm_flags, bool *huge);

/*
 * Unregister all memory of the range that is registered with @ctx, and wake its waiters. After an
 * error that is done for a first part of the range only.
 */
int uf_region_unregister(struct uf_ctx *ctx, unsigned long start, unsigned long end);

/*
 * Unregister the memory that mremap() has moved and merged with registered memory, and wake its
 * waiters; see mremap.h.
 */
void uf_region_settle(struct uf_ctx *ctx);

/* Unregister all memory that is still registered with @ctx. */
void uf_region_unregister_all(struct uf_ctx *ctx);

/*
 * Take a VMA out of its context, and leave its pages as they are. For a VMA that fork or mremap has
 * just made, and that has the context only by copy. The caller holds the mmap lock of its mm for
 * writing.
 */
void uf_region_forget(struct vm_area_struct *vma);

/* The same for a VMA whose pages may be protected: this also unprotects them. May sleep. */
void uf_region_release(struct vm_area_struct *vma);

/*
 * The same for every VMA of a forked child's context that no monitor will serve. The child has not
 * run yet. The caller holds its mm, and is about to make it the mm of a process. Takes the mmap
 * lock for writing. May sleep.
 */
void uf_region_forget_all(struct uf_ctx *ctx);

/*
 * Turn the features @enable on, and @disable off, of a context in use. A fault that is under way
 * with the old features holds the lock of its VMA, or the mmap lock, until its thread is a waiter.
 * This function takes the mmap lock and the lock of each such VMA for writing, and so waits for
 * those faults: a caller that wakes the waiters afterwards finds them. Each later fault sees the
 * new features. The caller holds the address space (mmget).
 */
void uf_region_set_features(struct uf_ctx *ctx, unsigned int enable, unsigned int disable);

#endif /* UF_REGION_H */
