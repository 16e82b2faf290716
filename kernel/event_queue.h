/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue of events. A thread whose system call changes mappings queues an event, and waits until
 * the monitor has read it.
 *
 * Overview
 *
 * An event belongs to the thread that waits for it. Readers take events first in, first out:
 *
 *	UF_EVENT_PENDING <-- tell, untell --> UF_EVENT_TELLING --- told ---> UF_EVENT_TOLD
 *
 * A reader takes the oldest event (tell), copies its message without locks, and then reports the
 * result. "told" lets the thread go on; "untell" puts the event back as the oldest. Meanwhile the
 * thread may have been killed, and the event may be gone. So a reader keeps only the event's id,
 * and looks the event up on the telling list.
 *
 * A thread stops waiting when its event was told, when the queue is closed, or when the thread is
 * killed.
 *
 * Locking
 *
 * queue->lock is the innermost lock except for the scheduler's. No interrupt handler takes it.
 *
 * Field protection
 *
 *	queue->pending, telling		queue->lock; a check for an empty pending may go without it
 *	queue->last_id, closed		queue->lock
 *	event->entry, state		queue->lock; once a reader has stored TOLD, and dropped the
 *					lock, only the event's own thread accesses the event
 *	event's other fields		constant while it is queued
 *
 * The queue is pure logic: it knows no mm, and only the address of a context.
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
	unsigned long since;		/* when it was queued, in jiffies */
	struct uf_ctx *child;		/* of a fork; the waiting thread holds it until TOLD */
	struct uffd_msg msg;
};

struct uf_event_queue {
	spinlock_t lock;		/* see the table above */
	bool closed;			/* no event will be read any more */
	struct list_head pending;
	struct list_head telling;
	u64 last_id;
};

/* All that a reader keeps of an event while it copies the message. */
struct uf_event_telling {
	u64 id;
	struct uf_ctx *child;		/* of a fork, referenced; else NULL */
};

/* Make @queue empty and open. No thread may use it yet. */
void uf_event_queue_init(struct uf_event_queue *queue);

/* Open a closed queue. It is empty, and no thread may use it yet. */
void uf_event_queue_reopen(struct uf_event_queue *queue);

/*
 * From here on no thread waits for a reader: all waiting threads go on, and threads that come later
 * don't wait.
 */
void uf_event_queue_close(struct uf_event_queue *queue);

/* Whether an event is pending; a hint. */
static inline bool uf_events_pending(const struct uf_event_queue *queue)
{
	return !list_empty(&queue->pending);
}

/* The number of the last event that was queued, or 0. Numbers grow, and are never used again. */
u64 uf_event_last(struct uf_event_queue *queue);

/*
 * How many threads wait for their events to be read, and when the oldest of these events was
 * queued, in jiffies, if there is one. Doesn't sleep.
 */
unsigned long uf_events_see(struct uf_event_queue *queue, unsigned long *oldest);

/*
 * Queue @event, whose msg and child the caller has filled in. The caller then wakes the readers.
 * @event must stay where it is until uf_event_await() has returned. Doesn't sleep.
 */
void uf_event_push(struct uf_event_queue *queue, struct uf_event *event);

/*
 * Sleep until @event was told (true), or until the queue is closed or the thread is killed (false).
 * The thread that queued @event calls this, without locks.
 */
bool uf_event_await(struct uf_event_queue *queue, struct uf_event *event);

/*
 * Take the oldest pending event, and copy its message to @msg. False: no event is pending. The
 * caller ends this with uf_event_told() or uf_event_untell(). If the event has a child, @hold takes
 * a reference to it, while the waiting thread still holds the child; the caller then owns that
 * reference. @hold mustn't sleep.
 */
bool uf_event_tell(struct uf_event_queue *queue, struct uffd_msg *msg,
		   struct uf_event_telling *telling, void (*hold)(struct uf_ctx *child));

/*
 * The reader has the message: let the waiting thread go on. True: a thread waited, and its
 * reference to the child is now the caller's. False: the thread had given up, and keeps its
 * reference.
 */
bool uf_event_told(struct uf_event_queue *queue, const struct uf_event_telling *telling);

/*
 * The reader could not deliver the message after all: if the event's thread still waits, make the
 * event pending again, as the oldest.
 */
void uf_event_untell(struct uf_event_queue *queue, const struct uf_event_telling *telling);

#endif /* UF_EVENT_QUEUE_H */
