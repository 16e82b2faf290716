// SPDX-License-Identifier: GPL-2.0-only
/* A context's life; see ctx.h. */
#include <linux/userfault.h>

#include <linux/capability.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ctx.h"
#include "fdinfo.h"
#include "hooks.h"
#include "ioctl.h"
#include "msg.h"
#include "region.h"

static bool uf_kernel_faults = true;
module_param_named(kernel_faults, uf_kernel_faults, bool, 0644);
MODULE_PARM_DESC(kernel_faults,
		 "whoever may open the device may handle faults of the kernel itself (default); "
		 "if off, only CAP_SYS_PTRACE may, and others must ask for UFFD_USER_MODE_ONLY");

static struct kmem_cache *uf_ctx_cache;

/*
 * What native userfaultfd_unregister() hands to the entries of the queue that it wakes: the range,
 * all of it if the length is 0. It holds that queue's lock, with interrupts off.
 */
struct uf_native_wake_range {
	unsigned long start;
	unsigned long len;
};

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

/* What a context is whenever it is free: queues and table are empty again when it is freed. */
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
	uf_changes_init(&ctx->changes, view, &ctx->events);
	uf_moves_init(&ctx->moves);
}

/*
 * The constructor also keeps the cache from being merged, so that destroying it finds what leaked.
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
	ctx = kmem_cache_alloc(uf_ctx_cache, GFP_KERNEL);
	if (!ctx) {
		uf_hooks_put();
		return ERR_PTR(-ENOMEM);
	}

	ctx->view.flags = flags;
	ctx->view.features = features;
	ctx->view.released = false;
	ctx->view.mm = mm;
	uf_event_queue_reopen(&ctx->events);
	refcount_set(&ctx->view.refcount, 1);
	mmgrab(mm);
	uf_compat_unmap_watch(mm);
	__module_get(THIS_MODULE);	/* a file of ours, or a context, holds it already */
	return ctx;
}

void uf_ctx_put(struct uf_ctx *ctx)
{
	if (!refcount_dec_and_test(&ctx->view.refcount))
		return;

	if (unlikely(uf_moves_any(&ctx->moves)))
		uf_moves_destroy(&ctx->moves);
	uf_compat_unmap_unwatch(ctx->view.mm);
	mmdrop(ctx->view.mm);
	kmem_cache_free(uf_ctx_cache, ctx);
	uf_hooks_put();
	module_put(THIS_MODULE);
}

/*
 * The file is closed: mark dead, take the context out of every VMA, wake every waiter.
 *
 * No waiter can be missed. A thread becomes a waiter with the fault lock held, under which the VMA
 * still pointed here. Clearing the VMAs takes the mmap lock for writing, and writes each VMA's
 * lock, which excludes the fault lock: so a thread that saw the VMA before is a waiter by now and
 * is woken below, and one that comes later sees a VMA without a context. If the address space has
 * no users left, nobody can be faulting in it.
 *
 * Nor can anybody keep the closing from coming to its end: whoever faults meanwhile sleeps, on the
 * wait table or for a lock that is held here, and so leaves the processor.
 *
 * Nor can an event be missed: the queue stays closed, and lets go of whoever comes to it later.
 */
static int uf_ctx_release(struct inode *inode, struct file *file)
{
	struct uf_ctx *ctx = file->private_data;

	WRITE_ONCE(ctx->view.released, true);
	uf_region_unregister_all(ctx);
	uf_ctx_wake_all(ctx);
	uf_event_queue_close(&ctx->events);
	wake_up_poll(&ctx->view.fd_wqh, EPOLLHUP);
	uf_ctx_put(ctx);
	return 0;
}

static const struct file_operations uf_ctx_fops = {
	.owner		= THIS_MODULE,
	.release	= uf_ctx_release,
	.read_iter	= uf_msg_read_iter,
	.poll		= uf_msg_poll,
	.unlocked_ioctl	= uf_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= uf_fdinfo_show,
	.llseek		= noop_llseek,
};

/* By upstream's name: CRIU and others know a userfaultfd by it. */
struct file *uf_ctx_file(struct uf_ctx *ctx, const struct inode *context)
{
	return uf_compat_anon_inode_getfile("[userfaultfd]", &uf_ctx_fops, ctx,
					    O_RDONLY | uf_ctx_fd_flags(ctx), context);
}

/* The file may be in use by another thread before this returns. */
static int uf_ctx_fd(struct uf_ctx *ctx)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(uf_ctx_fd_flags(ctx));
	if (fd < 0)
		return fd;
	file = uf_ctx_file(ctx, NULL);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

int uf_ctx_create(unsigned int flags)
{
	struct uf_ctx *ctx;
	int fd;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY))
		return -EINVAL;
	if (!(flags & UFFD_USER_MODE_ONLY) && !READ_ONCE(uf_kernel_faults) &&
	    !capable(CAP_SYS_PTRACE))
		return -EPERM;

	ctx = uf_ctx_alloc(current->mm, flags, 0);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	fd = uf_ctx_fd(ctx);
	if (fd < 0)
		uf_ctx_put(ctx);
	return fd;
}
