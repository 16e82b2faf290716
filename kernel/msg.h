/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages: the next fault or event that a monitor has to read.
 *
 * A reader takes a message, copies it without locks, and reports whether that worked. Until then no
 * other reader gets the same message.
 */
#ifndef UF_MSG_H
#define UF_MSG_H

#include "event_queue.h"
#include "waiters.h"

struct uf_ctx;

/* A message on its way to a reader, and the fault or event that it belongs to. */
struct uf_msg {
	struct uffd_msg msg;
	bool is_event;
	union {
		struct uf_told fault;
		struct uf_event_telling event;
	};
};

/* Whether a message is pending; a hint. */
bool uf_msg_pending(const struct uf_ctx *ctx);

/*
 * Take the next message. The caller ends this with uf_msg_told() or uf_msg_untell(). -EAGAIN: there
 * is no message, and @nonblock is set. -ERESTARTSYS: there is no message, @nonblock isn't set, and
 * a signal is pending. The caller holds @ctx's file. May sleep.
 */
int uf_msg_take(struct uf_ctx *ctx, bool nonblock, struct uf_msg *msg);

/* The child's context if @msg is of a fork, else NULL. Valid until uf_msg_told() or _untell(). */
static inline struct uf_ctx *uf_msg_child(const struct uf_msg *msg)
{
	return msg->is_event ? msg->event.child : NULL;
}

/*
 * The reader has the message. If it is of a fork, the reader also has a file, which has a reference
 * to the child's context.
 */
void uf_msg_told(struct uf_ctx *ctx, const struct uf_msg *msg);

/*
 * The reader could not deliver the message: if the thread of the fault or event still waits, the
 * message is the next of its kind again.
 */
void uf_msg_untell(struct uf_ctx *ctx, const struct uf_msg *msg);

#endif /* UF_MSG_H */
