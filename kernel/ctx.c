// SPDX-License-Identifier: GPL-2.0-only
/* A context; see ctx.h. */
#include <linux/userfault.h>

#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "compat/native.h"
#include "ctx.h"
#include "hook_users.h"

/* As Documentation/security.rst says. Locks that check themselves are larger. */
static_assert(IS_ENABLED(CONFIG_DEBUG_SPINLOCK) || IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC) ||
	      sizeof(struct uf_ctx) <= (IS_ENABLED(CONFIG_PREEMPT_RT) ? 14 : 6) * SZ_1K);

static struct kmem_cache *uf_ctx_cache;
static atomic64_t uf_ctx_last_id;	/* the first context is number 1 */

/* All contexts, by their ids, until nobody refers to them. */
static DEFINE_XARRAY_FLAGS(uf_ctxs, XA_FLAGS_ACCOUNT);
static atomic_t uf_ctxs_generation;

static int uf_ctx_bridge_wake(struct wait_queue_entry *entry, unsigned int mode, int wake_flags,
			      void *key)
{
	struct uf_ctx *ctx = container_of(entry, struct uf_ctx, bridge);
	struct uf_native_wake_range *range = key;

	if (range->len)
		uf_ctx_wake(ctx, range->start, range->len);
	else
		uf_ctx_wake_all(ctx);
	return 0;
}

/* The state of a free context: its queues and its table are empty again when it is freed. */
static void uf_ctx_init_once(void *object)
{
	struct uf_ctx *ctx = object;
	struct userfaultfd_ctx *view = &ctx->view;

	memset(ctx, 0, sizeof(*ctx));
	init_waitqueue_head(&view->fault_pending_wqh);
	init_waitqueue_head(&view->fault_wqh);
	init_waitqueue_head(&view->event_wqh);
	init_waitqueue_head(&view->fd_wqh);
	seqcount_spinlock_init(&view->refile_seq, &view->fault_pending_wqh.lock);
	uf_compat_ctx_view_init(view);

	init_waitqueue_func_entry(&ctx->bridge, uf_ctx_bridge_wake);
	__add_wait_queue(&view->fault_pending_wqh, &ctx->bridge);
	uf_wait_table_init(&ctx->waiters);
	uf_event_queue_init(&ctx->events);
	uf_changes_init(&ctx->changes, view);
	uf_mremaps_init(&ctx->mremaps);
}

/*
 * The constructor also keeps the cache from being merged, so that destroying it finds leaked
 * contexts.
 */
int uf_ctx_cache_create(void)
{
	uf_ctx_cache = kmem_cache_create("userfault_ctx", sizeof(struct uf_ctx), 0,
					 SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT, uf_ctx_init_once);
	return uf_ctx_cache ? 0 : -ENOMEM;
}

void uf_ctx_cache_destroy(void)
{
	kmem_cache_destroy(uf_ctx_cache);
}

struct uf_ctx *uf_ctx_alloc(struct mm_struct *mm, unsigned int flags, unsigned int features)
{
	struct uf_ctx *ctx;
	int err;

	err = uf_hooks_get();
	if (err)
		return ERR_PTR(err);
	err = -ENOMEM;
	ctx = kmem_cache_alloc(uf_ctx_cache, GFP_KERNEL);
	if (!ctx)
		goto put_hooks;
	ctx->view.flags = flags;
	ctx->view.features = features;
	ctx->view.released = false;
	ctx->view.mm = mm;
	ctx->id = atomic64_inc_return(&uf_ctx_last_id);
	ctx->made = get_jiffies_64();
	atomic64_set(&ctx->modes, 0);
	uf_counters_init(&ctx->counters);
	uf_event_queue_reopen(&ctx->events);
	refcount_set(&ctx->view.refcount, 1);
	err = xa_reserve(&uf_ctxs, ctx->id, GFP_KERNEL);
	if (err)
		goto free;

	ctx->maker = get_pid(task_tgid(current));
	ctx->cred = get_current_cred();
	mmgrab(mm);
	uf_compat_unmap_watch(mm);
	__module_get(THIS_MODULE);	/* a file of ours, or a context, pins the module already */
	atomic_inc(&uf_ctxs_generation);
	trace_context_made(ctx->id, flags);
	xa_store(&uf_ctxs, ctx->id, ctx, 0);	/* from here on others may find it */
	return ctx;

free:
	kmem_cache_free(uf_ctx_cache, ctx);
put_hooks:
	uf_hooks_put();
	return ERR_PTR(err);
}

void uf_ctx_put(struct uf_ctx *ctx)
{
	if (!refcount_dec_and_test(&ctx->view.refcount))
		return;

	trace_context_gone(ctx->id);
	xa_erase(&uf_ctxs, ctx->id);
	atomic_inc(&uf_ctxs_generation);
	if (unlikely(uf_mremaps_any(&ctx->mremaps)))
		uf_mremaps_destroy(&ctx->mremaps);
	uf_compat_unmap_unwatch(ctx->view.mm);
	mmdrop(ctx->view.mm);
	put_pid(ctx->maker);
	put_cred(ctx->cred);
	uf_counters_free(&ctx->counters);
	kmem_cache_free(uf_ctx_cache, ctx);
	uf_hooks_put();
	module_put(THIS_MODULE);
}

/* Under the lock with which uf_ctx_put() takes a context out before it frees it. */
static struct uf_ctx *uf_ctx_find_in(u64 first, u64 last)
{
	struct uf_ctx *ctx;
	unsigned long id;

	xa_lock(&uf_ctxs);
	xa_for_each_range(&uf_ctxs, id, ctx, first, last)
		if (refcount_inc_not_zero(&ctx->view.refcount))
			break;
	xa_unlock(&uf_ctxs);
	return ctx;
}

struct uf_ctx *uf_ctx_find(u64 id)
{
	return uf_ctx_find_in(id, id);
}

struct uf_ctx *uf_ctx_find_from(u64 id)
{
	return uf_ctx_find_in(id, ULONG_MAX);
}

unsigned int uf_ctx_generation(void)
{
	return atomic_read(&uf_ctxs_generation);
}

/*
 * The barrier in wq_has_sleeper() pairs with that of a reader or poller that has joined the queue.
 */
void uf_ctx_announce(struct uf_ctx *ctx)
{
	if (wq_has_sleeper(&ctx->view.fd_wqh))
		wake_up_poll(&ctx->view.fd_wqh, EPOLLIN);
}
