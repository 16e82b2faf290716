// SPDX-License-Identifier: GPL-2.0-only
/*
 * Telling the monitor.
 *
 * Readers that block wait exclusively: one fault wakes one reader, and every poller. A reader that is
 * woken is off the queue, so that the next fault wakes another. One that leaves while faults are pending
 * passes the wake-up on, because it may have been chosen for more than it takes: between joining the
 * queue and leaving it, it can be woken for a second fault, or while a signal makes it give up.
 */
#include <linux/userfault.h>

#include <linux/uio.h>

#include "ctx.h"
#include "msg.h"

/* The barrier in wq_has_sleeper() pairs with that of a reader, or poller, that has joined the queue. */
void uf_msg_announce(struct uf_ctx *ctx)
{
	if (wq_has_sleeper(&ctx->view.fd_wqh))
		wake_up_poll(&ctx->view.fd_wqh, EPOLLIN);
}

/* Sleep until there is a message, or a signal. */
static int uf_msg_wait(struct uf_ctx *ctx, struct uffd_msg *msg, struct uf_told *told)
{
	DEFINE_WAIT(wait);
	int err = 0;

	do {
		prepare_to_wait_exclusive(&ctx->view.fd_wqh, &wait, TASK_INTERRUPTIBLE);
		if (uf_waiters_tell(&ctx->waiters, msg, told))
			break;
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		schedule();
	} while (!uf_waiters_tell(&ctx->waiters, msg, told));
	finish_wait(&ctx->view.fd_wqh, &wait);

	if (uf_waiters_pending(&ctx->waiters))
		uf_msg_announce(ctx);
	return err;
}

/* The next message, or an error. */
static int uf_msg_take(struct uf_ctx *ctx, bool nonblock, struct uffd_msg *msg, struct uf_told *told)
{
	if (uf_waiters_tell(&ctx->waiters, msg, told))
		return 0;
	if (nonblock)
		return signal_pending(current) ? -ERESTARTSYS : -EAGAIN;
	return uf_msg_wait(ctx, msg, told);
}

/* Blocks for the first message only. One that can't be copied to the reader isn't lost. */
ssize_t uf_msg_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct uf_ctx *ctx = iocb->ki_filp->private_data;
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	struct uffd_msg msg;
	struct uf_told told;
	ssize_t done = 0;
	int err;

	if (!uf_ctx_initialized(ctx))
		return -EINVAL;

	while (iov_iter_count(to) >= sizeof(msg)) {
		err = uf_msg_take(ctx, nonblock || done, &msg, &told);
		if (err)
			return done ?: err;
		if (copy_to_iter(&msg, sizeof(msg), to) != sizeof(msg)) {
			uf_waiters_untell(&ctx->waiters, &told);
			uf_msg_announce(ctx);
			return done ?: -EFAULT;
		}
		done += sizeof(msg);
	}
	return done ?: -EINVAL;
}

/* POLLERR for a blocking descriptor, as upstream: a read after POLLIN might block all the same. */
__poll_t uf_msg_poll(struct file *file, struct poll_table_struct *wait)
{
	struct uf_ctx *ctx = file->private_data;

	poll_wait(file, &ctx->view.fd_wqh, wait);

	if (!uf_ctx_initialized(ctx) || !(file->f_flags & O_NONBLOCK))
		return EPOLLERR;

	/* The poller is on the queue before it looks; pairs with wq_has_sleeper() in uf_msg_announce(). */
	smp_mb();
	return uf_waiters_pending(&ctx->waiters) ? EPOLLIN : 0;
}
