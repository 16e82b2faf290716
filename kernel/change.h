/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of mappings that are under way, and the commands that wait for them to end.
 *
 * Overview
 *
 * A change begins with the first half of an event (event.c), in the thread that changes mappings,
 * and ends when the monitor has read the event. Meanwhile the monitor's picture of the address
 * space is wrong, so page operations don't go on. If an event is pending, they fail with EAGAIN:
 * the monitor has to read it first. Otherwise the changing thread is still at work, or is just
 * going on, and the page operations wait for it here.
 *
 * The changing thread can itself be waiting for the monitor of another context, which first has to
 * read an event of the same system call. One monitor may serve both contexts, so a command that
 * waited for such a thread could wait forever. It fails with EAGAIN instead: an event is pending on
 * another descriptor. The command also fails with EAGAIN after a second, in case the thread needs
 * something else from the monitor.
 *
 * Locking and field protection
 *
 * changes->lock protects the list. The lock of all uf_lock_waits nests inside it, and no other lock
 * inside that one. No interrupt handler takes either. The thread that puts a change on the list
 * takes it off again before that thread can exit, so change->task may be dereferenced under the
 * lock.
 */
#ifndef UF_CHANGE_H
#define UF_CHANGE_H

#include <linux/list.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "compat/ctx_view.h"

struct uf_event_queue;

struct uf_change {
	struct list_head entry;
	struct task_struct *task;	/* whose system call it is */
};

/*
 * A thread that has begun changes, of one context or of several, and sleeps killably for a lock of
 * mm's. On that thread's stack.
 */
struct uf_lock_wait {
	struct list_head entry;
	struct task_struct *task;
};

struct uf_changes {
	struct userfaultfd_ctx *view;	/* its mmap_changing counts them, for native code too */
	struct rw_semaphore map_changing_lock;	/* page operations read, changes begin as writers */
	spinlock_t lock;		/* of the list */
	struct list_head under_way;
	wait_queue_head_t wait;		/* commands, until a change ends or an event is queued */
};

/*
 * Start without changes. No thread may use @changes yet. @view belongs to the context whose memory
 * changes, and lives as long as @changes.
 */
void uf_changes_init(struct uf_changes *changes, struct userfaultfd_ctx *view);

/*
 * The current thread changes mappings of the context's memory from here until uf_change_end().
 * Waits for the page operations that are under way. @change stays where it is until
 * uf_change_end(); the caller holds the context. May sleep.
 */
void uf_change_begin(struct uf_changes *changes, struct uf_change *change);

/*
 * The current thread is about to take a lock of mm's killably: until uf_lock_wait_end(), no command
 * takes it for blocked. It must not wait for a reader meanwhile. Doesn't sleep.
 */
void uf_lock_wait_begin(struct uf_lock_wait *wait);
void uf_lock_wait_end(struct uf_lock_wait *wait);

/* The thread that has begun @change calls this when it is over. Wakes the waiting commands. */
void uf_change_end(struct uf_changes *changes, struct uf_change *change);

/*
 * While a page operation holds map_changing_lock for reading, no change begins. It is taken inside
 * the lock of the VMA, or of the mm: pages are dropped with that lock held for reading, too. (Ours,
 * and not that of the view: before 6.9 the view has none.) -EINTR: the caller is being killed, and
 * doesn't hold the lock. It may wait long, behind a change that waits for another page operation.
 */
static inline int __must_check uf_changes_lock(struct uf_changes *changes)
{
	return down_read_killable(&changes->map_changing_lock);
}

static inline void uf_changes_unlock(struct uf_changes *changes)
{
	up_read(&changes->map_changing_lock);
}

/* Wake the waiting commands: an event was queued, so they have to fail with EAGAIN. */
void uf_changes_announce(struct uf_changes *changes);

/* Whether the current thread has begun a change and not yet ended it. */
bool uf_change_is_own(struct uf_changes *changes);

/*
 * Wait until no change is under way, then return 0. @events are those of the same context. -EAGAIN:
 * the monitor has to read one of them first, or the wait took too long. -EINTR: the caller is being
 * killed. The caller holds the context's file and no lock.
 */
int uf_changes_await(struct uf_changes *changes, const struct uf_event_queue *events);

#endif /* UF_CHANGE_H */
