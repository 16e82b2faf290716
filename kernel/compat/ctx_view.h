/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct userfaultfd_ctx: the part of our contexts that mm and fs/userfaultfd.c may read.
 *
 * The struct is in the kernel's headers since 6.9, and was private to fs/userfaultfd.c before. The
 * fields below, and their order, are those of 6.1.
 */
#ifndef UF_COMPAT_CTX_VIEW_H
#define UF_COMPAT_CTX_VIEW_H

#include <linux/rwsem.h>
#include <linux/userfaultfd_k.h>

#include "interfaces.h"

#if !UF_HAS_CTX_IN_HEADER
struct userfaultfd_ctx {
	wait_queue_head_t fault_pending_wqh;
	wait_queue_head_t fault_wqh;
	wait_queue_head_t fd_wqh;
	wait_queue_head_t event_wqh;
	seqcount_spinlock_t refile_seq;
	refcount_t refcount;
	unsigned int flags;
	unsigned int features;
	bool released;
	atomic_t mmap_changing;
	struct mm_struct *mm;
	/*
	 * Not in 6.1, and native code doesn't look for it. Without it a page operation goes on with
	 * pages that are dropped meanwhile: both hold the mmap lock for reading.
	 */
	struct rw_semaphore map_changing_lock;
};
#endif

/* Make a zeroed view ready for native code, except for its queues and refile_seq. */
static inline void uf_compat_ctx_view_init(struct userfaultfd_ctx *view)
{
	init_rwsem(&view->map_changing_lock);
}

/* Begin a change of mappings. Waits for the page operations that are under way. May sleep. */
static inline void uf_compat_changing_begin(struct userfaultfd_ctx *view)
{
	down_write(&view->map_changing_lock);
	atomic_inc(&view->mmap_changing);
	up_write(&view->map_changing_lock);
}

/* While a page operation holds this lock, no change begins. Taken inside the VMA's lock. */
static inline void uf_compat_changing_lock(struct userfaultfd_ctx *view)
{
	down_read(&view->map_changing_lock);
}

static inline void uf_compat_changing_unlock(struct userfaultfd_ctx *view)
{
	up_read(&view->map_changing_lock);
}

/* Whether a change has begun and is not over. */
static inline bool uf_compat_changing(const struct userfaultfd_ctx *view)
{
	return atomic_read(&view->mmap_changing);
}

/* End a change of mappings. */
static inline void uf_compat_changing_end(struct userfaultfd_ctx *view)
{
	atomic_dec(&view->mmap_changing);
}

#endif /* UF_COMPAT_CTX_VIEW_H */
