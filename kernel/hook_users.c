// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the functions are taken over and given back; see hook_users.h.
 *
 * Overview
 *
 * The number of users says whether the functions are attached:
 *
 *	0		they aren't
 *	1		they are, without users
 *	1 + n		they are, for n users: each context is a user, from before it is made until
 *			after it is freed
 *
 * The count leaves 0, or returns to it, only with uf_hooks_lock held or, at unload, when there can
 * be no users. A user that finds it above 0 adds itself without a lock, and from then on the
 * functions stay.
 *
 * The last user may leave where it can't sleep, and detaching waits for grace periods. So a work
 * item detaches the functions, and only after a delay: a program that opens and closes contexts in
 * a loop must not have the kernel's text changed each time. A user that leaves the count at 1
 * queues the item. If another user has come and gone since, the item queues itself for the rest of
 * the delay. If there is a user, the item does nothing, because that user will queue it again.
 *
 * No event is missed
 *
 * A context is a user before it can register anything, and attaching returns after all CPUs have
 * seen the new text. Ranges are registered under the mmap lock, and mm calls the first half of an
 * event under it: so the first half finds its function attached. The first half leaves a reference
 * to the context, which is a user, for the second half: so the second half finds its function
 * attached, too. A forked child's context is made while its parent's context is held, so it adds
 * itself without a lock.
 *
 * Detaching takes nothing away from a running call: the module's text stays until the module is
 * unloaded. A call in that text holds a context (hooks.c), unless it is about to return.
 *
 * Unloading
 *
 * A context pins the module until it is no longer a user and has queued the item. So no user comes
 * or goes when uf_hook_users_exit() runs, and uf_hook_users_exit() cancels the item for good.
 */
#include <linux/userfault.h>

#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "hook_attach.h"
#include "hook_users.h"

/* How long the functions stay attached after the last user has left. */
#define UF_HOOKS_LINGER		HZ

static void uf_hooks_linger(struct work_struct *work);

static DEFINE_MUTEX(uf_hooks_lock);
static refcount_t uf_hooks_users;
static unsigned long uf_hooks_left;	/* when a user last left, in jiffies */
static DECLARE_DELAYED_WORK(uf_hooks_lingering, uf_hooks_linger);

int uf_hooks_get(void)
{
	int err = 0;

	if (likely(refcount_inc_not_zero(&uf_hooks_users)))
		return 0;

	if (mutex_lock_killable(&uf_hooks_lock))
		return -EINTR;
	if (!refcount_inc_not_zero(&uf_hooks_users)) {
		err = uf_hook_attach_all();
		if (!err)
			refcount_set(&uf_hooks_users, 2);
	}
	mutex_unlock(&uf_hooks_lock);
	return err;
}

void uf_hooks_put(void)
{
	WRITE_ONCE(uf_hooks_left, jiffies);
	refcount_dec(&uf_hooks_users);	/* a release: a thread that sees 1 sees the time, too */
	if (refcount_read(&uf_hooks_users) == 1)
		queue_delayed_work(system_long_wq, &uf_hooks_lingering, UF_HOOKS_LINGER);
}

static void uf_hooks_linger(struct work_struct *work)
{
	unsigned long due, now;

	mutex_lock(&uf_hooks_lock);
	due = READ_ONCE(uf_hooks_left) + UF_HOOKS_LINGER;
	now = jiffies;
	if (time_before(now, due))
		queue_delayed_work(system_long_wq, &uf_hooks_lingering, due - now);
	else if (refcount_dec_if_one(&uf_hooks_users))
		uf_hook_detach_all();
	mutex_unlock(&uf_hooks_lock);
}

/*
 * Takes the functions over as for a user that leaves at once: so loading fails if another ftrace
 * user has one of them.
 */
int uf_hook_users_init(const struct uf_hook_table *table)
{
	int err;

	err = uf_hook_attach_init(table);
	if (err)
		return err;
	err = uf_hooks_get();
	if (err) {
		uf_hook_attach_exit();
		return err;
	}
	uf_hooks_put();
	return 0;
}

void uf_hook_users_exit(void)
{
	cancel_delayed_work_sync(&uf_hooks_lingering);
	if (refcount_dec_if_one(&uf_hooks_users))
		uf_hook_detach_all();
	WARN_ON_ONCE(refcount_read(&uf_hooks_users));
	uf_hook_attach_exit();
}
