/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The entries of the lists that mm threads through fork and munmap: private to native userfaultfd,
 * the same in every kernel so far. Entries of native contexts and of ours are on one list, and each
 * side walks over the other's and compares pointers: so ours look like native ones.
 */
#ifndef UF_COMPAT_EVENT_LISTS_H
#define UF_COMPAT_EVENT_LISTS_H

#include <linux/list.h>
#include <linux/userfaultfd_k.h>

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

#endif /* UF_COMPAT_EVENT_LISTS_H */
