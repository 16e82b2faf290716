/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct userfaultfd_ctx: the part of our contexts that mm and fs/userfaultfd.c may read.
 *
 * The struct is in the kernel's headers since 6.9, and was private to fs/userfaultfd.c before. The
 * fields below, and their order, are those of 6.1.
 */
#ifndef UF_COMPAT_CTX_VIEW_H
#define UF_COMPAT_CTX_VIEW_H

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
};
#endif

/* Make a zeroed view ready for native code, except for its queues and refile_seq. */
static inline void uf_compat_ctx_view_init(struct userfaultfd_ctx *view)
{
#if UF_HAS_CTX_IN_HEADER
	init_rwsem(&view->map_changing_lock);
#endif
}

#endif /* UF_COMPAT_CTX_VIEW_H */
