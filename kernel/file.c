// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context's file: how it is made, read, polled and closed. What ioctl(2) does is in ioctl.c, what
 * /proc shows in fdinfo.c.
 */
#include <linux/userfault.h>

#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uio.h>

#include "compat/anon_inode.h"
#include "ctx.h"
#include "fdinfo.h"
#include "file.h"
#include "ioctl.h"
#include "msg.h"
#include "region.h"

static bool uf_kernel_faults = true;
module_param_named(kernel_faults, uf_kernel_faults, bool, 0644);
MODULE_PARM_DESC(kernel_faults,
		 "whoever may open the device may handle faults of the kernel itself (default); "
		 "if off, only CAP_SYS_PTRACE may, and others must ask for UFFD_USER_MODE_ONLY");

static const struct file_operations uf_file_fops;

/* The flags of a file descriptor of @ctx. */
static unsigned int uf_file_flags(const struct uf_ctx *ctx)
{
	return ctx->view.flags & (O_CLOEXEC | O_NONBLOCK);
}

/*
 * The one file of @ctx, which takes the caller's reference over; or an error, and the caller keeps
 * it. By upstream's name: CRIU and others know a userfaultfd by it. @context: the inode of the file
 * that it comes from, or NULL. May sleep.
 */
static struct file *uf_file_new(struct uf_ctx *ctx, const struct inode *context)
{
	return uf_compat_anon_inode_getfile("[userfaultfd]", &uf_file_fops, ctx,
					    O_RDONLY | uf_file_flags(ctx), context);
}

static int uf_file_copy(const struct uf_msg *msg, struct iov_iter *to)
{
	return copy_to_iter(&msg->msg, sizeof(msg->msg), to) == sizeof(msg->msg) ? 0 : -EFAULT;
}

/*
 * Give the reader the child's context. The message goes before there is a file: what can't be
 * copied must not end a context, as the closing of its file would.
 */
static int uf_file_copy_fork(struct uf_msg *msg, const struct inode *inode, struct iov_iter *to)
{
	struct uf_ctx *child = uf_msg_child(msg);
	struct file *file;
	int err, fd;

	fd = get_unused_fd_flags(uf_file_flags(child));
	if (fd < 0)
		return fd;

	msg->msg.arg.fork.ufd = fd;
	err = uf_file_copy(msg, to);
	if (err)
		goto put_fd;
	file = uf_file_new(child, inode);
	err = PTR_ERR_OR_ZERO(file);
	if (err)
		goto put_fd;
	fd_install(fd, file);
	return 0;

put_fd:
	put_unused_fd(fd);
	return err;
}

/* Blocks for the first message only. One that can't be given to the reader isn't lost. */
static ssize_t uf_file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct uf_ctx *ctx = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	struct uf_msg msg __uninitialized;	/* whoever has a message fills it in */
	ssize_t done = 0;
	int err;

	if (!uf_ctx_initialized(ctx))
		return -EINVAL;

	while (iov_iter_count(to) >= sizeof(msg.msg)) {
		err = uf_msg_take(ctx, nonblock || done, &msg);
		if (err)
			return done ?: err;
		err = uf_msg_child(&msg) ? uf_file_copy_fork(&msg, file_inode(file), to)
					 : uf_file_copy(&msg, to);
		if (err) {
			uf_msg_untell(ctx, &msg);
			return done ?: err;
		}
		uf_msg_told(ctx, &msg);
		done += sizeof(msg.msg);
	}
	return done ?: -EINVAL;
}

/* POLLERR for a blocking descriptor, as upstream: a read after POLLIN might block all the same. */
static __poll_t uf_file_poll(struct file *file, struct poll_table_struct *wait)
{
	struct uf_ctx *ctx = file->private_data;

	poll_wait(file, &ctx->view.fd_wqh, wait);

	if (!uf_ctx_initialized(ctx) || !(file->f_flags & O_NONBLOCK))
		return EPOLLERR;

	/*
	 * The poller is on the queue before it looks; pairs with wq_has_sleeper() in
	 * uf_ctx_announce().
	 */
	smp_mb();
	return uf_msg_pending(ctx) ? EPOLLIN : 0;
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
static int uf_file_release(struct inode *inode, struct file *file)
{
	struct uf_ctx *ctx = file->private_data;

	WRITE_ONCE(ctx->view.released, true);
	uf_event_queue_close(&ctx->events);
	uf_region_unregister_all(ctx);
	uf_ctx_wake_all(ctx);
	wake_up_poll(&ctx->view.fd_wqh, EPOLLHUP);
	uf_ctx_put(ctx);
	return 0;
}

static const struct file_operations uf_file_fops = {
	.owner		= THIS_MODULE,
	.release	= uf_file_release,
	.read_iter	= uf_file_read_iter,
	.poll		= uf_file_poll,
	.unlocked_ioctl	= uf_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= uf_fdinfo_show,
	.llseek		= noop_llseek,
};

/* The file may be in use by another thread before this returns. */
static int uf_file_install(struct uf_ctx *ctx)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(uf_file_flags(ctx));
	if (fd < 0)
		return fd;
	file = uf_file_new(ctx, NULL);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

int uf_file_create(unsigned int flags)
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
	fd = uf_file_install(ctx);
	if (fd < 0)
		uf_ctx_put(ctx);
	return fd;
}
