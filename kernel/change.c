// SPDX-License-Identifier: GPL-2.0-only
/* Changes of mappings that are under way; see change.h. */
#include <linux/userfault.h>

#include <linux/jiffies.h>
#include <linux/sched/signal.h>

#include "change.h"
#include "event_queue.h"

/*
 * The interval at which a waiting command checks whether the changing thread is itself blocked.
 * Nothing announces that: the thread may wait for a reader of a native userfaultfd.
 */
#define UF_CHANGES_LOOK_MS	20

/*
 * After so many checks the command fails with EAGAIN even if the thread doesn't look blocked. The
 * thread may depend on the monitor, which waits here, in a way that its task state doesn't show.
 * For example, it may wait for a lock whose holder reads a file that the monitor serves.
 */
#define UF_CHANGES_LOOKS	50

static DEFINE_SPINLOCK(uf_lock_waits_lock);
static LIST_HEAD(uf_lock_waits);

void uf_changes_init(struct uf_changes *changes, struct userfaultfd_ctx *view)
{
	changes->view = view;
	init_rwsem(&changes->map_changing_lock);
	spin_lock_init(&changes->lock);
	INIT_LIST_HEAD(&changes->under_way);
	init_waitqueue_head(&changes->wait);
}

/* The barrier in wq_has_sleeper() pairs with that of a command that joins the queue. */
void uf_changes_announce(struct uf_changes *changes)
{
	if (wq_has_sleeper(&changes->wait))
		wake_up_all(&changes->wait);
}

void uf_change_begin(struct uf_changes *changes, struct uf_change *change)
{
	change->task = current;
	spin_lock(&changes->lock);
	list_add(&change->entry, &changes->under_way);
	spin_unlock(&changes->lock);
	down_write(&changes->map_changing_lock);
	atomic_inc(&changes->view->mmap_changing);
	up_write(&changes->map_changing_lock);
}

void uf_lock_wait_begin(struct uf_lock_wait *wait)
{
	wait->task = current;
	spin_lock(&uf_lock_waits_lock);
	list_add(&wait->entry, &uf_lock_waits);
	spin_unlock(&uf_lock_waits_lock);
}

void uf_lock_wait_end(struct uf_lock_wait *wait)
{
	spin_lock(&uf_lock_waits_lock);
	list_del(&wait->entry);
	spin_unlock(&uf_lock_waits_lock);
}

static bool uf_lock_waits_for(const struct task_struct *task)
{
	const struct uf_lock_wait *wait;

	lockdep_assert_held(&uf_lock_waits_lock);

	list_for_each_entry(wait, &uf_lock_waits, entry)
		if (wait->task == task)
			return true;
	return false;
}

void uf_change_end(struct uf_changes *changes, struct uf_change *change)
{
	atomic_dec(&changes->view->mmap_changing);
	spin_lock(&changes->lock);
	list_del(&change->entry);
	spin_unlock(&changes->lock);
	uf_changes_announce(changes);
}

bool uf_change_is_own(struct uf_changes *changes)
{
	struct uf_change *change;
	bool own = false;

	spin_lock(&changes->lock);
	list_for_each_entry(change, &changes->under_way, entry)
		own |= change->task == current;
	spin_unlock(&changes->lock);
	return own;
}

/*
 * The task states of a changing thread that waits for a reader of an event, or is stopped by a
 * debugger. Such a thread mostly waits for locks, memory and disks uninterruptibly; where it
 * doesn't, a command is refused that could have waited.
 */
#define UF_CHANGES_KEPT	(TASK_WAKEKILL | TASK_INTERRUPTIBLE | __TASK_TRACED | __TASK_STOPPED)

/*
 * A thread sets its state for a lock's sake only between uf_lock_wait_begin() and
 * uf_lock_wait_end(): with both looked at under the lock, such a state isn't taken for another.
 */
static bool uf_changes_blocked(struct uf_changes *changes)
{
	struct uf_change *change;
	bool blocked = false;

	spin_lock(&changes->lock);
	spin_lock(&uf_lock_waits_lock);
	list_for_each_entry(change, &changes->under_way, entry)
		blocked |= READ_ONCE(change->task->__state) & UF_CHANGES_KEPT &&
			   !uf_lock_waits_for(change->task);
	spin_unlock(&uf_lock_waits_lock);
	spin_unlock(&changes->lock);
	return blocked;
}

static bool uf_changes_under_way(const struct uf_changes *changes)
{
	return atomic_read(&changes->view->mmap_changing);
}

int uf_changes_await(struct uf_changes *changes, const struct uf_event_queue *events)
{
	int looks = 0;
	long left;

	/* The caller comes back as often as a change begins before it has its locks. */
	if (fatal_signal_pending(current))
		return -EINTR;
	while (uf_changes_under_way(changes)) {
		left = wait_event_killable_timeout(changes->wait,
						   !uf_changes_under_way(changes) ||
						   uf_events_pending(events),
						   msecs_to_jiffies(UF_CHANGES_LOOK_MS));
		if (left < 0)
			return -EINTR;
		if (uf_events_pending(events))
			return -EAGAIN;
		if (!left && (uf_changes_blocked(changes) || ++looks == UF_CHANGES_LOOKS))
			return -EAGAIN;
	}
	return 0;
}
