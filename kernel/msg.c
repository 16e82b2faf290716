// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages; see msg.h.
 *
 * Readers that block wait exclusively: one message wakes one reader, and every poller. A woken
 * reader is off the queue, so that the next message wakes another. A reader that leaves while
 * messages are pending passes the wake-up on, because it may have got more wake-ups than it takes
 * messages. Between joining the queue and leaving it, a second message can wake it, or a message
 * can wake it while a signal makes it give up.
 */
#include <linux/userfault.h>

#include <linux/sched/signal.h>

#include "ctx.h"
#include "msg.h"

bool uf_msg_pending(const struct uf_ctx *ctx)
{
	return uf_waiters_pending(&ctx->waiters) || uf_events_pending(&ctx->events);
}

/* Take the oldest fault, or, if there is none, the oldest event, as upstream does. */
static bool uf_msg_next(struct uf_ctx *ctx, struct uf_msg *msg)
{
	if (uf_waiters_pending(&ctx->waiters) &&
	    uf_waiters_tell(&ctx->waiters, &msg->msg, &msg->fault)) {
		msg->is_event = false;
		return true;
	}
	if (uf_events_pending(&ctx->events) &&
	    uf_event_tell(&ctx->events, &msg->msg, &msg->event, uf_ctx_get)) {
		msg->is_event = true;
		return true;
	}
	return false;
}

/* Sleep until there is a message, or a signal. */
static int uf_msg_wait(struct uf_ctx *ctx, struct uf_msg *msg)
{
	DEFINE_WAIT(wait);
	int err = 0;

	do {
		prepare_to_wait_exclusive(&ctx->view.fd_wqh, &wait, TASK_INTERRUPTIBLE);
		if (uf_msg_next(ctx, msg))
			break;
		if (signal_pending(current)) {
			err = -ERESTARTSYS;
			break;
		}
		schedule();
	} while (!uf_msg_next(ctx, msg));
	finish_wait(&ctx->view.fd_wqh, &wait);

	if (uf_msg_pending(ctx))
		uf_ctx_announce(ctx);
	return err;
}

int uf_msg_take(struct uf_ctx *ctx, bool nonblock, struct uf_msg *msg)
{
	if (uf_msg_next(ctx, msg))
		return 0;
	if (nonblock)
		return -EAGAIN;
	return uf_msg_wait(ctx, msg);
}

/* What a message is about: the address of a fault, or where the range of an event begins. */
static u64 uf_msg_address(const struct uffd_msg *msg)
{
	switch (msg->event) {
	case UFFD_EVENT_PAGEFAULT:
		return msg->arg.pagefault.address;
	case UFFD_EVENT_REMAP:
		return msg->arg.remap.from;
	case UFFD_EVENT_REMOVE:
	case UFFD_EVENT_UNMAP:
		return msg->arg.remove.start;
	}
	return 0;
}

/*
 * This puts the waiting thread's reference to the child for it, so that the file has the only one.
 * If the file is closed before the thread runs, the release then need not look for waiters.
 */
void uf_msg_told(struct uf_ctx *ctx, const struct uf_msg *msg)
{
	struct uf_ctx *child = uf_msg_child(msg);

	uf_count_message(&ctx->counters, msg->msg.event);
	trace_told(ctx->id, msg->msg.event, uf_msg_address(&msg->msg));
	if (msg->is_event && uf_event_told(&ctx->events, &msg->event) && child)
		uf_ctx_put(child);
}

void uf_msg_untell(struct uf_ctx *ctx, const struct uf_msg *msg)
{
	struct uf_ctx *child = uf_msg_child(msg);

	if (msg->is_event)
		uf_event_untell(&ctx->events, &msg->event);
	else
		uf_waiters_untell(&ctx->waiters, &msg->fault);
	if (child)
		uf_ctx_put(child);
	uf_ctx_announce(ctx);
}
