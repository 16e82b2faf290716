/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structs that are private to native userfaultfd, but that the module has to share with it. They
 * are the same in every kernel so far.
 *
 * mm passes lists through fork and munmap. Entries of native contexts and of ours are on one list,
 * and each side walks over the other's entries and compares pointers. So our entries look like
 * native ones.
 */
#ifndef UF_COMPAT_NATIVE_H
#define UF_COMPAT_NATIVE_H

#include <linux/list.h>
#include <linux/userfaultfd_k.h>

#include "ksyms.h"

/* From dup_userfaultfd() to dup_userfaultfd_complete() or _fail(). */
struct uf_fork_entry {
	struct userfaultfd_ctx *orig;	/* referenced */
	struct userfaultfd_ctx *new;	/* referenced */
	struct list_head list;
};

/* From userfaultfd_unmap_prep() to userfaultfd_unmap_complete(). */
struct uf_unmap_entry {
	struct userfaultfd_ctx *ctx;	/* referenced */
	unsigned long start;
	unsigned long end;
	struct list_head list;
};

/*
 * What native userfaultfd_unregister() hands to the entries of the queue that it wakes: the range;
 * length 0 means all addresses. It holds that queue's lock, with interrupts off.
 */
struct uf_native_wake_range {
	unsigned long start;
	unsigned long len;
};

/* Tell native contexts that a fork failed; if mm can't, that it is complete. May sleep. */
static inline void uf_compat_fork_failed(struct list_head *native)
{
#if UF_HAS_FORK_FAIL
	uf_ksym(dup_userfaultfd_fail)(native);
#else
	uf_ksym(dup_userfaultfd_complete)(native);
#endif
}

#endif /* UF_COMPAT_NATIVE_H */
