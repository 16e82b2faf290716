// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context's file: making, reading, polling and closing it. Its ioctl(2) is in ioctl.c, its
 * /proc/PID/fdinfo in fdinfo.c.
 */
#include <linux/userfault.h>

#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
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
		 "a process that may open the device may handle the kernel's faults (default); "
		 "if off, a process without CAP_SYS_PTRACE must ask for UFFD_USER_MODE_ONLY");

static const struct file_operations uf_file_fops;

/* The flags of a file descriptor of @ctx. */
static unsigned int uf_file_flags(const struct uf_ctx *ctx)
{
	return ctx->view.flags & (O_CLOEXEC | O_NONBLOCK);
}

/*
 * Make the one file of @ctx. On success the file owns the caller's reference; on error the caller
 * keeps it. The file has upstream's name, because CRIU and others recognise a userfaultfd by it.
 * @context is the inode of the file that the new file comes from, or NULL. May sleep.
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
 * Give the reader a file descriptor of the child's context. The message is copied before the file
 * is made: if the copy fails there must be no file, because closing it would end the context.
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

/* Blocks for the first message only. A message that can't be copied to the reader isn't lost. */
static ssize_t uf_file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct uf_ctx *ctx = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	struct uf_msg msg __uninitialized;	/* uf_msg_take() fills it in */
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
		/* Other threads may make messages as fast as this one takes them. */
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return done ?: -EINVAL;
}

/* As upstream, POLLERR for a blocking descriptor: a read after POLLIN might still block. */
static __poll_t uf_file_poll(struct file *file, struct poll_table_struct *wait)
{
	struct uf_ctx *ctx = file->private_data;

	poll_wait(file, &ctx->view.fd_wqh, wait);

	if (!uf_ctx_initialized(ctx) || !(file->f_flags & O_NONBLOCK))
		return EPOLLERR;

	/*
	 * The poller joins the queue before it looks for messages; pairs with wq_has_sleeper() in
	 * uf_ctx_announce().
	 */
	smp_mb();
	return uf_msg_pending(ctx) ? EPOLLIN : 0;
}

/*
 * The file is closed: mark the context released, take it out of every VMA, and wake every waiter.
 *
 * No waiter is missed. A thread becomes a waiter with the fault lock held, and under that lock it
 * saw that the VMA points to this context. Clearing the VMAs takes the mmap lock for writing and
 * writes each VMA's lock, which excludes the fault lock. So a thread that saw the context in the
 * VMA is a waiter by now and is woken below, and a thread that faults later sees a VMA without a
 * context. If the address space has no users left, no thread can be faulting in it.
 *
 * Faulting threads can't keep this function from finishing, either. A thread that faults meanwhile
 * sleeps, as a waiter or for a lock that is held here, and so leaves the CPU.
 *
 * No event is missed, either: the queue stays closed, and a thread that pushes an event later
 * doesn't wait.
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
