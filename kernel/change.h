/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of mappings that are under way, and the commands that wait for their end.
 *
 * Overview
 *
 * A change begins with the first half of an event (event.c), in the thread that changes mappings,
 * and ends when the monitor has been told. Meanwhile the monitor's picture of the address space is
 * wrong, so page operations don't go on. If an event is there to be read, they answer EAGAIN: the
 * monitor has to read first. Else the changing thread is still at work, or has just been let go, and
 * they wait for it here.
 *
 * A changing thread can itself be kept waiting, by a monitor: that of another context, which has to
 * read an event of the same system call first. One monitor may serve both contexts, so a command
 * that waited for such a thread could wait for ever. It answers EAGAIN instead: there is an event to
 * be read, on another descriptor. So it does after a second, in case the thread needs something else
 * of the monitor.
 *
 * Locking and field protection
 *
 * changes->lock, a leaf, never taken by an interrupt, protects the lists. A change is taken off its
 * list by the thread that put it there, before that thread can exit: so change->task may be looked
 * at under the lock.
 */
#ifndef UF_CHANGE_H
#define UF_CHANGE_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "compat/ctx_view.h"

struct uf_event_queue;

struct uf_change {
	struct list_head entry;
	struct task_struct *task;	/* whose system call it is */
};

struct uf_changes {
	struct userfaultfd_ctx *view;	/* counts them, in mmap_changing, for native code too */
	const struct uf_event_queue *events;
	spinlock_t lock;
	struct list_head under_way;
	wait_queue_head_t wait;		/* commands, until a change ends or an event is queued */
};

/*
 * No change is under way, and nobody uses @changes yet. They are of the memory of the context that has
 * this @view and these @events, which live as long.
 */
void uf_changes_init(struct uf_changes *changes, struct userfaultfd_ctx *view,
		     const struct uf_event_queue *events);

/*
 * The current thread changes mappings of the context's memory, from here until uf_change_end(). But
 * for 6.1, waits for the page operations that are under way. @change stays where it is until then; the
 * caller holds the context. May sleep.
 */
void uf_change_begin(struct uf_changes *changes, struct uf_change *change);

/* By the same thread: the change is over, and was told. Wakes the commands that wait. */
void uf_change_end(struct uf_changes *changes, struct uf_change *change);

/* An event was queued: the commands that wait have to answer EAGAIN. */
void uf_changes_announce(struct uf_changes *changes);

/* Whether the current thread has begun a change, and not ended it. */
bool uf_change_is_own(struct uf_changes *changes);

/*
 * Wait until no change is under way: 0. -EAGAIN: an event has to be read first. -EINTR: the caller is
 * being killed. The caller holds the context's file and no lock.
 */
int uf_changes_await(struct uf_changes *changes);

#endif /* UF_CHANGE_H */
