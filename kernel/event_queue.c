// SPDX-License-Identifier: GPL-2.0-only
/* The queue of events; see event_queue.h. */
#include <linux/userfault.h>

#include <linux/sched/signal.h>

#include "event_queue.h"

void uf_event_queue_init(struct uf_event_queue *queue)
{
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->pending);
	INIT_LIST_HEAD(&queue->telling);
	queue->last_id = 0;
	queue->closed = false;
}

void uf_event_queue_reopen(struct uf_event_queue *queue)
{
	queue->closed = false;
}

void uf_event_queue_close(struct uf_event_queue *queue)
{
	struct uf_event *event;

	spin_lock(&queue->lock);
	queue->closed = true;
	list_for_each_entry(event, &queue->pending, entry)
		wake_up_process(event->task);
	list_for_each_entry(event, &queue->telling, entry)
		wake_up_process(event->task);
	spin_unlock(&queue->lock);
}

u64 uf_event_last(struct uf_event_queue *queue)
{
	u64 id;

	spin_lock(&queue->lock);
	id = queue->last_id;
	spin_unlock(&queue->lock);
	return id;
}

unsigned long uf_events_see(struct uf_event_queue *queue, unsigned long *oldest)
{
	struct list_head *const lists[] = { &queue->telling, &queue->pending };
	const struct uf_event *event;
	unsigned long count = 0;
	int i;

	spin_lock(&queue->lock);
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		list_for_each_entry(event, lists[i], entry) {
			if (!count++ || time_before(event->since, *oldest))
				*oldest = event->since;
		}
	}
	spin_unlock(&queue->lock);
	return count;
}

void uf_event_push(struct uf_event_queue *queue, struct uf_event *event)
{
	event->task = current;
	event->state = UF_EVENT_PENDING;
	event->since = jiffies;

	spin_lock(&queue->lock);
	event->id = ++queue->last_id;
	list_add_tail(&event->entry, &queue->pending);
	spin_unlock(&queue->lock);
}

/*
 * Whether the thread has nothing more to wait for. The caller holds the lock, so that a thread that
 * stores UF_EVENT_TOLD or closes the queue does so before this look, or after it and then wakes us.
 */
static bool uf_event_over(const struct uf_event_queue *queue, const struct uf_event *event)
{
	lockdep_assert_held(&queue->lock);

	return event->state == UF_EVENT_TOLD || queue->closed || fatal_signal_pending(current) ||
	       WARN_ON_ONCE(current->flags & PF_EXITING);	/* no signal would wake it */
}

/*
 * This sets the task state before uf_event_over() looks, and every change that uf_event_over()
 * looks for comes before a wake-up. So either uf_event_over() sees the change, or schedule()
 * returns.
 */
bool uf_event_await(struct uf_event_queue *queue, struct uf_event *event)
{
	bool told;

	spin_lock(&queue->lock);
	for (;;) {
		set_current_state(TASK_KILLABLE);
		if (uf_event_over(queue, event))
			break;
		spin_unlock(&queue->lock);
		schedule();
		spin_lock(&queue->lock);
	}
	__set_current_state(TASK_RUNNING);
	told = event->state == UF_EVENT_TOLD;
	if (!told)
		list_del(&event->entry);
	spin_unlock(&queue->lock);
	return told;
}

bool uf_event_tell(struct uf_event_queue *queue, struct uffd_msg *msg,
		   struct uf_event_telling *telling, void (*hold)(struct uf_ctx *child))
{
	struct uf_event *event;

	spin_lock(&queue->lock);
	event = list_first_entry_or_null(&queue->pending, struct uf_event, entry);
	if (event) {
		list_move_tail(&event->entry, &queue->telling);
		event->state = UF_EVENT_TELLING;
		*msg = event->msg;
		telling->id = event->id;
		telling->child = event->child;
		if (event->child)
			hold(event->child);
	}
	spin_unlock(&queue->lock);
	return event;
}

/* The event that a reader has taken; NULL if its thread has given up. The caller holds the lock. */
static struct uf_event *uf_event_find(struct uf_event_queue *queue,
				      const struct uf_event_telling *telling)
{
	struct uf_event *event;

	lockdep_assert_held(&queue->lock);

	list_for_each_entry(event, &queue->telling, entry)
		if (event->id == telling->id)
			return event;
	return NULL;
}

bool uf_event_told(struct uf_event_queue *queue, const struct uf_event_telling *telling)
{
	struct uf_event *event;

	spin_lock(&queue->lock);
	event = uf_event_find(queue, telling);
	if (event) {
		list_del(&event->entry);
		event->state = UF_EVENT_TOLD;
		wake_up_process(event->task);
	}
	spin_unlock(&queue->lock);
	return event;
}

void uf_event_untell(struct uf_event_queue *queue, const struct uf_event_telling *telling)
{
	struct uf_event *event;

	spin_lock(&queue->lock);
	event = uf_event_find(queue, telling);
	if (event) {
		list_move(&event->entry, &queue->pending);
		event->state = UF_EVENT_PENDING;
	}
	spin_unlock(&queue->lock);
}
