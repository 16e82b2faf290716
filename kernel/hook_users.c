// SPDX-License-Identifier: GPL-2.0-only
/*
 * While the functions are taken over; see hook_users.h.
 *
 * Overview
 *
 * The number of users says whether the functions are attached:
 *
 *	0		they aren't
 *	1		they are, and nobody needs them
 *	1 + n		they are, for n users: each context is one, from before it is made until after
 *			it is freed
 *
 * It goes from 0 to 1 and back only with uf_hooks_lock held. Whoever finds it above 0 adds himself
 * without a lock, and from then on the functions stay.
 *
 * The last user may go where one can't sleep. Detaching, which waits for grace periods, is left to a
 * work item, which lingers: who opens and closes contexts in a loop must not have the kernel's text
 * changed each time. The item is queued by whoever leaves 1; it waits for the rest of the time if
 * somebody has come and gone meanwhile, and does nothing if somebody is there, who will queue it
 * again.
 *
 * No event is missed
 *
 * A context is a user before it can register anything, and attaching returns after all processors
 * have seen the new text. The first half of an event is called with the mmap lock held under which
 * the context was registered, so that it finds the function attached. From it the second half is
 * left a reference to the context, a user, so that it finds it attached too. The context of a
 * forked child is made while its parent's is held, and adds itself without a lock.
 *
 * Detaching takes nothing from under anybody: the module's text stays until it is unloaded. Calls
 * that are in it hold a context (hooks.c), but for those about to return.
 *
 * Unloading
 *
 * A context pins the module until it is no user any more, and has queued the item. So nobody comes
 * or goes when uf_hook_users_exit() runs, and it cancels the item for good.
 */
#include <linux/userfault.h>

#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "hook_attach.h"
#include "hook_users.h"

/* How long the functions stay attached after the last user. */
#define UF_HOOKS_LINGER		HZ

static void uf_hooks_linger(struct work_struct *work);

static DEFINE_MUTEX(uf_hooks_lock);
static refcount_t uf_hooks_users;
static unsigned long uf_hooks_left;	/* when somebody left last, in jiffies */
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
	refcount_dec(&uf_hooks_users);	/* a release: who sees 1 sees the time, too */
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

/* As for a user who leaves at once: that somebody else has a function is known from the start. */
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
