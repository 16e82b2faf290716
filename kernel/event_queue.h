/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of events: threads whose system call has changed mappings, and waits until a monitor
 * knows.
 *
 * Overview
 *
 * An event belongs to the thread that waits for it. Events are told first in, first out:
 *
 *	UF_EVENT_PENDING <-- tell, untell --> UF_EVENT_TELLING --- told ---> UF_EVENT_TOLD
 *
 * A reader takes the oldest (tell), copies the message without locks, and then says how that went:
 * told, which lets the thread go on, or untell, which makes it the oldest again. Meanwhile the
 * thread may have been killed, and the event be gone: so a reader knows an event by its number
 * only, and looks for it on the list of those that are being told.
 *
 * A thread stops waiting when its event was told, when the queue is closed, or when the thread is
 * killed.
 *
 * Locking
 *
 * queue->lock, the innermost but for the scheduler's, and never taken by an interrupt.
 *
 * Field protection
 *
 *	queue->pending, telling		queue->lock; whether pending is empty may be read without
 *	queue->last_id, closed		queue->lock
 *	event->entry, state		queue->lock; TOLD is the last that anybody else does to it
 *	event's other fields		constant while it is queued
 *
 * The queue is pure logic: it knows no mm, and of a context only its address.
 */
#ifndef UF_EVENT_QUEUE_H
#define UF_EVENT_QUEUE_H

#include <linux/userfault.h>

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

struct uf_ctx;

enum uf_event_state {
	UF_EVENT_PENDING,
	UF_EVENT_TELLING,
	UF_EVENT_TOLD,
};

struct uf_event {
	struct list_head entry;
	struct task_struct *task;
	u64 id;
	enum uf_event_state state;
	struct uf_ctx *child;		/* of a fork; the waiting thread holds it until it was told */
	struct uffd_msg msg;
};

struct uf_event_queue {
	spinlock_t lock;
	bool closed;			/* no event will be read any more */
	struct list_head pending;
	struct list_head telling;
	u64 last_id;
};

/* What a reader keeps of an event that it is telling. */
struct uf_event_telling {
	u64 id;
	struct uf_ctx *child;		/* of a fork, referenced; else NULL */
};

/* Make @queue empty and open; nobody uses it yet. */
void uf_event_queue_init(struct uf_event_queue *queue);

/* Open a queue that was closed; it is empty, and nobody uses it yet. */
void uf_event_queue_reopen(struct uf_event_queue *queue);

/* From here on nobody is told: all threads that wait go on, and those that come later, too. */
void uf_event_queue_close(struct uf_event_queue *queue);

/* Whether an event is pending; a hint. */
static inline bool uf_events_pending(const struct uf_event_queue *queue)
{
	return !list_empty(&queue->pending);
}

/*
 * Queue @event, whose msg and child are filled in. The caller wakes the readers. From here until
 * uf_event_await() has returned @event must stay where it is. Doesn't sleep.
 */
void uf_event_push(struct uf_event_queue *queue, struct uf_event *event);

/*
 * By the same thread: sleep until @event was told: true; or nobody will be told: false. The caller
 * holds no lock.
 */
bool uf_event_await(struct uf_event_queue *queue, struct uf_event *event);

/*
 * Begin to tell the oldest pending event; its message is copied to @msg. False: none is pending.
 * End it with uf_event_told() or uf_event_untell(). A child is referenced with @hold, which mustn't
 * sleep, while the waiting thread still holds it: that reference is the caller's from here on.
 */
bool uf_event_tell(struct uf_event_queue *queue, struct uffd_msg *msg,
		   struct uf_event_telling *telling, void (*hold)(struct uf_ctx *child));

/*
 * The reader has it: whoever waits, goes on. True if there was a thread that waited, whose reference
 * to a child is the caller's now. False: it has given up, and keeps its reference.
 */
bool uf_event_told(struct uf_event_queue *queue, const struct uf_event_telling *telling);

/* The reader could not be told after all: the event, if it still waits, is the next to be told. */
void uf_event_untell(struct uf_event_queue *queue, const struct uf_event_telling *telling);

#endif /* UF_EVENT_QUEUE_H */
