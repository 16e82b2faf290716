/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages: what a monitor is to be told next, of a fault or an event.
 *
 * A reader takes a message, copies it without locks, and says how that went. Until then nobody else
 * is told of the same.
 */
#ifndef UF_MSG_H
#define UF_MSG_H

#include "event_queue.h"
#include "waiters.h"

struct uf_ctx;

/* A message on its way to a reader, and what it is of. */
struct uf_msg {
	struct uffd_msg msg;
	bool is_event;
	union {
		struct uf_told fault;
		struct uf_event_telling event;
	};
};

/* Whether there is something to tell; a hint. */
bool uf_msg_pending(const struct uf_ctx *ctx);

/*
 * The next message, which the caller ends with uf_msg_told() or uf_msg_untell(). -EAGAIN: there is
 * none, and @nonblock; -ERESTARTSYS: there is none, and a signal is pending. The caller holds @ctx's
 * file. May sleep.
 */
int uf_msg_take(struct uf_ctx *ctx, bool nonblock, struct uf_msg *msg);

/* Of a fork, the child's context; else NULL. Until the end of the message. */
static inline struct uf_ctx *uf_msg_child(const struct uf_msg *msg)
{
	return msg->is_event ? msg->event.child : NULL;
}

/* The reader has it; of a fork, with a file that has a reference to the child's context. */
void uf_msg_told(struct uf_ctx *ctx, const struct uf_msg *msg);

/* The reader could not be told: it is the next to be told, if its thread still waits. */
void uf_msg_untell(struct uf_ctx *ctx, const struct uf_msg *msg);

#endif /* UF_MSG_H */
