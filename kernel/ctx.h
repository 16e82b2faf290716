/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A context: one userfaultfd, and what belongs to it.
 *
 * Overview
 *
 * Made by uf_file_create() for the current process's mm, whose struct it holds with mmgrab(); every
 * command takes the address space with mmget_not_zero() for as long as it works. VMAs point at it
 * through vma->vm_userfaultfd_ctx. Its file holds it, and each thread blocked in a fault or an
 * event; it holds the module. Closing the file ends it for everybody, see file.c. The
 * context of a forked child is made by fork() for the child's mm, and is held by the event until a
 * reader has made its file.
 *
 * The first member is what the kernel believes a context to be. mm and native userfaultfd follow
 * vma->vm_userfaultfd_ctx on paths that nobody takes over, and must find there a context in good
 * order and true flags, features and mm: so these live there, and only there. A process can even
 * unregister our ranges through a native userfaultfd (upstream refuses that only since 6.17), which
 * then wakes the waiters it believes are on fault_pending_wqh. One entry on that queue, the bridge,
 * passes the wake-up on to the wait table. (Native code wakes before it takes the context out of
 * the VMA. A fault between the two waits until it is woken by hand or by the closing of its
 * context, as it does upstream.) That same entry is how a context is known as ours, see
 * uf_ctx_from_view().
 *
 * Locking
 *
 * The wait table has its own, see waiters.h; so have the queue of events, event_queue.h,
 * changes of mappings, change.h, and calls of mremap(), mremap.h.
 * Registration is under the mm's mmap lock. The bridge is called with view.fault_pending_wqh.lock
 * held and interrupts off, and takes the table's locks inside.
 *
 * Field protection
 *
 *	view.mm, view.flags		constant
 *	view.features			0 until the handshake, which sets it with cmpxchg(). Later
 *					UFFDIO_SET_MODE changes it, with the mmap lock held for
 *					writing and the lock of each registered VMA written: so it
 *					is constant under the mmap lock or the fault lock, and is
 *					read with READ_ONCE() without
 *	view.released			set once, for native code, which reads it without a lock
 *	view.refcount			atomic
 *	view.fd_wqh			its own lock; readers (exclusive) and pollers
 *	view.fault_pending_wqh		holds the bridge and nothing else, always
 *	view.mmap_changing		atomic; raised with view.map_changing_lock held for writing, where
 *					there is one, by the first half of an event (event.c), and lowered
 *					without a lock by the second
 *	the rest of view		initialised, and left alone
 *	waiters				waiters.h
 *	events				event_queue.h
 *	changes, mremaps			change.h, mremap.h
 */
#ifndef UF_CTX_H
#define UF_CTX_H

#include <linux/userfault.h>

#include <linux/fcntl.h>
#include <linux/mm_types.h>

#include "change.h"
#include "compat/compat.h"
#include "event_queue.h"
#include "mremap.h"
#include "waiters.h"

/* Set in view.features when the handshake is made; fdinfo shows it, as upstream's does. */
#define UF_FEATURE_INITIALIZED	(1U << 31)

/*
 * What UFFDIO_API offers. A feature is added here when all of it works, on every kernel; but for
 * what is in mm.
 */
#define UF_FEATURES						\
	(UFFD_FEATURE_PAGEFAULT_FLAG_WP |			\
	 UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |	\
	 UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP |	\
	 UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM |	\
	 UFFD_FEATURE_MISSING_HUGETLBFS | UFFD_FEATURE_MINOR_HUGETLBFS | \
	 UFFD_FEATURE_WP_HUGETLBFS_SHMEM |				\
	 UFFD_FEATURE_SIGBUS | UFFD_FEATURE_THREAD_ID |		\
	 UFFD_FEATURE_EXACT_ADDRESS |				\
	 UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC |	\
	 UF_POISON_FEATURES | UFFD_FEATURE_MOVE | UF_RWP_FEATURES)

struct uf_ctx {
	struct userfaultfd_ctx view;
	struct wait_queue_entry bridge;
	struct uf_wait_table waiters;
	struct uf_event_queue events;
	struct uf_changes changes;
	struct uf_mremaps mremaps;
};

/*
 * Our context if @view is one, else NULL. @view: NULL, or a context that can't go away meanwhile.
 *
 * A native context's queue leads to itself or to a waiter on a stack, and never to what lies at the
 * bridge's offset behind it. Touches nothing that could be traced: an ftrace callback calls it.
 */
static __always_inline struct uf_ctx *uf_ctx_from_view(struct userfaultfd_ctx *view)
{
	struct uf_ctx *ctx = (struct uf_ctx *)view;

	if (!view || READ_ONCE(view->fault_pending_wqh.head.next) != &ctx->bridge.entry)
		return NULL;
	return ctx;
}

/* The context that @vma is registered with, if it is ours. The VMA is locked against changes. */
static __always_inline struct uf_ctx *uf_ctx_of(struct vm_area_struct *vma)
{
	return uf_ctx_from_view(vma->vm_userfaultfd_ctx.ctx);
}

static inline bool uf_ctx_initialized(const struct uf_ctx *ctx)
{
	return READ_ONCE(ctx->view.features) & UF_FEATURE_INITIALIZED;
}

static inline void uf_ctx_get(struct uf_ctx *ctx)
{
	refcount_inc(&ctx->view.refcount);
}

/* Whether mappings are changing, and the monitor doesn't know of it yet; see change.h. */
static inline bool uf_ctx_changing(const struct uf_ctx *ctx)
{
	return uf_compat_changing(&ctx->view);
}

/*
 * A new context for @mm, referenced once; @flags as of USERFAULTFD_IOC_NEW, @features what the
 * handshake left. A user of the hooks; the caller holds the module. ENOMEM, and as uf_hooks_get(),
 * but for a child whose parent's context is held. May sleep.
 */
struct uf_ctx *uf_ctx_alloc(struct mm_struct *mm, unsigned int flags, unsigned int features);

/* Doesn't sleep. The last one frees it, and lets go of the hooks and the module. */
void uf_ctx_put(struct uf_ctx *ctx);

/*
 * Without waiters a wake-up must cost next to nothing, because every page operation ends with one.
 * A thread holds a reference from before it becomes a waiter until after it has ceased to be one,
 * so that the file's own reference alone means that nobody waits. The barrier is [B] of the proof
 * in fault.c.
 */
static inline unsigned int uf_ctx_waiters_at_most(struct uf_ctx *ctx)
{
	smp_mb();
	return refcount_read(&ctx->view.refcount) - 1;
}

/*
 * Wake whoever waits for a page of [@start, @start + @len), page aligned and not empty, after the
 * caller's changes to the page tables. Doesn't sleep.
 */
static inline void uf_ctx_wake(struct uf_ctx *ctx, unsigned long start, unsigned long len)
{
	unsigned int waiters = uf_ctx_waiters_at_most(ctx);

	if (waiters)
		uf_waiters_wake(&ctx->waiters, start, len, waiters);
}

/* The same for all of them. */
static inline void uf_ctx_wake_all(struct uf_ctx *ctx)
{
	if (uf_ctx_waiters_at_most(ctx))
		uf_waiters_wake_all(&ctx->waiters);
}

/*
 * There is something to tell: wake every poller and one reader. Any context that can take a
 * spinlock.
 */
void uf_ctx_announce(struct uf_ctx *ctx);

/*
 * The cache that contexts come from: at load, ENOMEM; and at unload, when none is left. May sleep.
 */
int uf_ctx_cache_create(void);
void uf_ctx_cache_destroy(void);

#endif /* UF_CTX_H */
