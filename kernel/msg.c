// SPDX-License-Identifier: GPL-2.0-only
/*
 * Telling the monitor.
 *
 * Readers that block wait exclusively: one message wakes one reader, and every poller. A reader
 * that is woken is off the queue, so that the next message wakes another. One that leaves while
 * messages are pending passes the wake-up on, because it may have been chosen for more than it
 * takes: between joining the queue and leaving it, it can be woken for a second message, or while a
 * signal makes it give up.
 */
#include <linux/userfault.h>

#include <linux/file.h>
#include <linux/uio.h>

#include "ctx.h"
#include "msg.h"

/*
 * The barrier in wq_has_sleeper() pairs with that of a reader, or poller, that has joined the
 * queue.
 */
void uf_msg_announce(struct uf_ctx *ctx)
{
	if (wq_has_sleeper(&ctx->view.fd_wqh))
		wake_up_poll(&ctx->view.fd_wqh, EPOLLIN);
}

/* A message on its way to a reader, and what it is of. */
struct uf_msg {
	struct uffd_msg msg;
	bool is_event;
	union {
		struct uf_told fault;
		struct uf_event_telling event;
	};
};

static bool uf_msg_pending(const struct uf_ctx *ctx)
{
	return uf_waiters_pending(&ctx->waiters) || uf_events_pending(&ctx->events);
}

/* The oldest: faults before events, as upstream. */
static bool uf_msg_next(struct uf_ctx *ctx, struct uf_msg *next)
{
	if (uf_waiters_pending(&ctx->waiters) &&
	    uf_waiters_tell(&ctx->waiters, &next->msg, &next->fault)) {
		next->is_event = false;
		return true;
	}
	if (uf_events_pending(&ctx->events) &&
	    uf_event_tell(&ctx->events, &next->msg, &next->event, uf_ctx_get)) {
		next->is_event = true;
		return true;
	}
	return false;
}

/* Sleep until there is a message, or a signal. */
static int uf_msg_wait(struct uf_ctx *ctx, struct uf_msg *next)
{
	DEFINE_WAIT(wait);
	int err = 0;

	do {
		prepare_to_wait_exclusive(&ctx->view.fd_wqh, &wait, TASK_INTERRUPTIBLE);
		if (uf_msg_next(ctx, next))
			break;
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		schedule();
	} while (!uf_msg_next(ctx, next));
	finish_wait(&ctx->view.fd_wqh, &wait);

	if (uf_msg_pending(ctx))
		uf_msg_announce(ctx);
	return err;
}

/* The next message, or an error. */
static int uf_msg_take(struct uf_ctx *ctx, bool nonblock, struct uf_msg *next)
{
	if (uf_msg_next(ctx, next))
		return 0;
	if (nonblock)
		return signal_pending(current) ? -ERESTARTSYS : -EAGAIN;
	return uf_msg_wait(ctx, next);
}

static int uf_msg_copy(const struct uf_msg *next, struct iov_iter *to)
{
	return copy_to_iter(&next->msg, sizeof(next->msg), to) == sizeof(next->msg) ? 0 : -EFAULT;
}

/*
 * Give the reader the child's context. The message goes before there is a file: what can't be
 * copied must not end a context, as the closing of its file would.
 */
static int uf_msg_copy_fork(struct uf_msg *next, const struct inode *inode, struct iov_iter *to)
{
	struct uf_ctx *child = next->event.child;
	struct file *file;
	int err, fd;

	fd = get_unused_fd_flags(uf_ctx_fd_flags(child));
	if (fd < 0)
		return fd;

	next->msg.arg.fork.ufd = fd;
	err = uf_msg_copy(next, to);
	if (err)
		goto put_fd;
	file = uf_ctx_file(child, inode);
	err = PTR_ERR_OR_ZERO(file);
	if (err)
		goto put_fd;
	fd_install(fd, file);
	return 0;

put_fd:
	put_unused_fd(fd);
	return err;
}

static int uf_msg_give_event(struct uf_ctx *ctx, struct uf_msg *next, const struct inode *inode,
			     struct iov_iter *to)
{
	struct uf_ctx *child = next->event.child;
	int err;

	err = child ? uf_msg_copy_fork(next, inode, to) : uf_msg_copy(next, to);
	if (err)
		uf_event_untell(&ctx->events, &next->event);
	else if (!uf_event_told(&ctx->events, &next->event))
		child = NULL;	/* its thread keeps its reference, and the file has the other */
	if (child)
		uf_ctx_put(child);
	return err;
}

static int uf_msg_give_fault(struct uf_ctx *ctx, struct uf_msg *next, struct iov_iter *to)
{
	int err = uf_msg_copy(next, to);

	if (err)
		uf_waiters_untell(&ctx->waiters, &next->fault);
	return err;
}

/* Blocks for the first message only. One that can't be given to the reader isn't lost. */
ssize_t uf_msg_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct uf_ctx *ctx = file->private_data;
	bool nonblock = file->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	struct uf_msg next __uninitialized;	/* whoever has a message fills it in */
	ssize_t done = 0;
	int err;

	if (!uf_ctx_initialized(ctx))
		return -EINVAL;

	while (iov_iter_count(to) >= sizeof(next.msg)) {
		err = uf_msg_take(ctx, nonblock || done, &next);
		if (err)
			return done ?: err;
		err = next.is_event ? uf_msg_give_event(ctx, &next, file_inode(file), to)
				    : uf_msg_give_fault(ctx, &next, to);
		if (err) {
			uf_msg_announce(ctx);
			return done ?: err;
		}
		done += sizeof(next.msg);
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

	/*
	 * The poller is on the queue before it looks; pairs with wq_has_sleeper() in
	 * uf_msg_announce().
	 */
	smp_mb();
	return uf_msg_pending(ctx) ? EPOLLIN : 0;
}
