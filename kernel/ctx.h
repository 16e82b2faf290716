/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A context: one userfaultfd, and what belongs to it.
 *
 * Overview
 *
 * uf_file_create() makes a context for the current process's mm. The context holds the mm's struct
 * with mmgrab(). Each command that works on the address space holds that with mmget_not_zero()
 * while it works; fills and moves of its caller's own need not. VMAs point to the context through
 * vma->vm_userfaultfd_ctx. The context's file holds a reference to it, and so does each thread
 * blocked in a fault or an event; the context pins the module. Closing the file ends the context
 * for all of them, see file.c. fork() makes the context of a forked child for the child's mm; the
 * event holds it until a reader has made its file.
 *
 * The first member, the view, is what the kernel believes a context to be. mm and native
 * userfaultfd follow vma->vm_userfaultfd_ctx on paths that the module doesn't take over. They must
 * find a valid context there, with the true flags, features and mm: so these live in the view, and
 * only there. A process can even unregister our ranges through a native userfaultfd (upstream
 * refuses that only since 6.17). Native code then wakes the waiters that it believes are on
 * fault_pending_wqh. The one entry on that queue, the bridge, passes the wake-up on to the wait
 * table. (Native code wakes before it takes the context out of the VMA. A fault between the two
 * waits until UFFDIO_WAKE, or the closing of its context, wakes it, as it does upstream.) The
 * bridge also identifies a context as ours, see uf_ctx_from_view().
 *
 * Locking
 *
 * All contexts are in an array, whose own lock uf_ctx_find() and the last uf_ctx_put() take. It
 * nests in whatever their callers hold; no interrupt handler takes it.
 *
 * The wait table has its own locks, see waiters.h. So have the event queue (event_queue.h), the
 * changes of mappings (change.h) and the calls of mremap() (mremap.h). Registration is under the
 * mm's mmap lock. Native code calls the bridge with view.fault_pending_wqh.lock held and
 * interrupts off, and the bridge takes the table's locks inside.
 *
 * Field protection
 *
 *	view.mm, view.flags		constant
 *	view.features			0 until the handshake, which sets it with cmpxchg(); for a
 *					child, its parent's. Later UFFDIO_SET_MODE changes it,
 *					with the mmap lock held for writing and the lock of each
 *					registered VMA written: so it is constant under the mmap
 *					lock or the fault lock. Code without either uses
 *					READ_ONCE(), or reads only bits that UFFDIO_SET_MODE
 *					doesn't change
 *	view.released			set once, for native code, which reads it without a lock
 *	view.refcount			atomic
 *	view.fd_wqh			its own lock; readers (exclusive) and pollers
 *	view.fault_pending_wqh		holds the bridge and nothing else, always
 *	view.mmap_changing		atomic. The first half of an event (event.c) raises it,
 *					with changes.map_changing_lock held for writing; the
 *					second half lowers it without a lock
 *	the rest of view		initialised, and left alone
 *	waiters				waiters.h
 *	events				event_queue.h
 *	changes, mremaps		change.h, mremap.h
 *	id, maker, cred, made		constant
 *	modes				atomic
 *	counters			counters.h
 */
#ifndef UF_CTX_H
#define UF_CTX_H

#include <linux/userfault.h>

#include <linux/fcntl.h>
#include <linux/mm_types.h>

#include "change.h"
#include "compat/compat.h"
#include "counters.h"
#include "event_queue.h"
#include "mremap.h"
#include "trace.h"
#include "waiters.h"

/* Set in view.features when the handshake is made; fdinfo shows it, as upstream's does. */
#define UF_FEATURE_INITIALIZED	(1U << 31)

/*
 * The features that UFFDIO_API offers. A feature is added here when all of it works on every
 * kernel. One that needs mm's help is offered where mm has it.
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
	u64 id;				/* of this context alone, as long as the module is loaded */
	struct pid *maker;		/* the process that made it, or forked; referenced */
	const struct cred *cred;	/* of that process, then; referenced */
	u64 made;			/* when, in jiffies */
	atomic64_t modes;		/* UFFDIO_REGISTER_MODE_*, of all registrations so far */
	struct uf_counters counters;
};

/*
 * Return our context if @view is one, else NULL. @view is NULL, or a context that can't go away
 * meanwhile.
 *
 * The queue of a native context leads to itself or to a waiter on a stack, never to the bridge's
 * offset after the view. An ftrace callback calls this, so it calls nothing that can be traced.
 */
static __always_inline struct uf_ctx *uf_ctx_from_view(struct userfaultfd_ctx *view)
{
	struct uf_ctx *ctx = (struct uf_ctx *)view;

	if (!view || READ_ONCE(view->fault_pending_wqh.head.next) != &ctx->bridge.entry)
		return NULL;
	return ctx;
}

/* The context that @vma is registered with, if it is ours. The caller keeps the VMA unchanged. */
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

/* Whether mappings are changing and the monitor doesn't know about it yet; see change.h. */
static inline bool uf_ctx_changing(const struct uf_ctx *ctx)
{
	return atomic_read(&ctx->view.mmap_changing);
}

/*
 * Make a context for @mm, with one reference, which is the caller's. @flags are those of
 * USERFAULTFD_IOC_NEW; @features is the initial view.features. The context is a user of the hooks;
 * the caller pins the module. -ENOMEM, or an error of uf_hooks_get(), which can't fail for a child
 * while its parent's context is held. May sleep.
 */
struct uf_ctx *uf_ctx_alloc(struct mm_struct *mm, unsigned int flags, unsigned int features);

/* Doesn't sleep. The last put frees the context, and lets go of the hooks and the module. */
void uf_ctx_put(struct uf_ctx *ctx);

/*
 * The context with this id, or the first one whose id is @id or above, with a reference, which is
 * the caller's; or NULL. The caller's own module text must be pinned otherwise. Doesn't sleep.
 */
struct uf_ctx *uf_ctx_find(u64 id);
struct uf_ctx *uf_ctx_find_from(u64 id);

/* A number that changes when a context comes or goes. */
unsigned int uf_ctx_generation(void);

/*
 * An upper bound on the number of waiters. Every page operation ends with a wake-up, so without
 * waiters a wake-up must cost next to nothing. A thread holds a reference from before it becomes a
 * waiter until after it has ceased to be one. So if the file's own reference is the only one, no
 * thread waits. [B] is in the proof in fault.c.
 */
static inline unsigned int uf_ctx_waiters_at_most(struct uf_ctx *ctx)
{
	smp_mb();	/* [B] */
	return refcount_read(&ctx->view.refcount) - 1;
}

/*
 * Wake every waiter for a page of [@start, @start + @len), which is page aligned and not empty,
 * after the caller's changes to the page tables. Doesn't sleep.
 */
static inline void uf_ctx_wake(struct uf_ctx *ctx, unsigned long start, unsigned long len)
{
	unsigned int waiters = uf_ctx_waiters_at_most(ctx);

	if (waiters) {
		trace_resolved(ctx->id, start, len);
		uf_waiters_wake(&ctx->waiters, start, len, waiters);
	}
}

/* The same for all waiters. */
static inline void uf_ctx_wake_all(struct uf_ctx *ctx)
{
	if (uf_ctx_waiters_at_most(ctx)) {
		trace_resolved(ctx->id, 0, ULONG_MAX);
		uf_waiters_wake_all(&ctx->waiters);
	}
}

/*
 * A message is pending: wake every poller and one reader. Works in any context that can take a
 * spinlock.
 */
void uf_ctx_announce(struct uf_ctx *ctx);

/*
 * The cache that contexts come from: create it at load (-ENOMEM), and destroy it at unload, when
 * no context is left. May sleep.
 */
int uf_ctx_cache_create(void);
void uf_ctx_cache_destroy(void);

#endif /* UF_CTX_H */
