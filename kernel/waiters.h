/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wait table: who waits for which page.
 *
 * Overview
 *
 * A waiter is a thread blocked in a fault, and lives on that thread's stack. It is in up to two
 * places at once: a bucket, found by hashing its page, from the fault until it is woken; and the
 * pending queue, first in first out, from the fault until a monitor has been told of it. Waking a
 * page looks into one bucket, whoever else waits. Its life is one word:
 *
 *	UF_PENDING --- told ---> UF_TOLD --- taken ---> UF_TAKEN --- woken ---> UF_WOKEN
 *	     \___________________ taken __________________^
 *
 * A waker first takes all that it finds in a bucket out of both places, under the bucket's lock,
 * and onto a list of its own; then it wakes them without the lock, which others may want: waking a
 * thread takes long, and a page can have thousands of waiters. A thread that leaves by itself
 * meanwhile, because of a signal, finds its waiter taken, and waits for the waker: as long as it would
 * for its lock, if that was held; but a waker that is preempted there is not boosted.
 *
 * A waiter whose state is UF_WOKEN is in neither place, and the waker no longer looks at it: its
 * thread may return, and its stack be reused, at once.
 *
 * Waking a long range has to find the buckets that aren't empty: there is a bit for each that says
 * so.
 *
 * Locking
 *
 * bucket->lock, then pending_lock inside it. Both are held for some dozen instructions a waiter and
 * never taken by an interrupt, so neither disables interrupts. Outside of both may be the context's
 * view.fault_pending_wqh.lock, when native code wakes through the bridge (ctx.h). The lock of the
 * queue of readers and pollers never nests with ours.
 *
 * Field protection
 *
 *	bucket->head			bucket->lock; whether it is empty may be read without
 *	table->occupied			set and cleared atomically; bit i under bucket i's lock, to say
 *					whether that has a waiter; may be read without
 *	waiter->node			bucket->lock; the waker's alone once the waiter is taken
 *	table->pending, waiter->pending	pending_lock; whether it is empty may be read without
 *	waiter->state			PENDING to TOLD: pending_lock
 *					TOLD to PENDING: bucket->lock and pending_lock
 *					to TAKEN: bucket->lock, off the pending queue already; whoever
 *					still reads PENDING then needs the bucket's lock to act on it
 *					TAKEN to WOKEN: the waker that took it, without a lock
 *					TOLD and WOKEN are stored with release, after the last access
 *					to the waiter that the lock's holder makes, and loaded with
 *					acquire where no lock orders it
 *	waiter's other fields		constant from uf_waiter_add() on
 *
 * The table is pure logic: it knows no mm, no VMA and no context.
 */
#ifndef UF_WAITERS_H
#define UF_WAITERS_H

#include <linux/userfault.h>

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

/*
 * 256 buckets of 16 bytes, without lock debugging: a page of memory, and 8 waiters a bucket when 2,048
 * threads wait.
 */
#define UF_WAIT_BUCKET_BITS	8
#define UF_WAIT_BUCKETS		(1 << UF_WAIT_BUCKET_BITS)

enum uf_waiter_state {
	UF_PENDING,
	UF_TOLD,
	UF_TAKEN,
	UF_WOKEN,
};

struct uf_waiter {
	struct hlist_node node;
	struct list_head pending;
	struct task_struct *task;
	unsigned long page;		/* the address, masked to the page */
	enum uf_waiter_state state;
	struct uffd_msg msg;		/* what the monitor will be told */
};

struct uf_wait_bucket {
	spinlock_t lock;
	struct hlist_head head;
};

struct uf_wait_table {
	spinlock_t pending_lock;
	struct list_head pending;
	DECLARE_BITMAP(occupied, UF_WAIT_BUCKETS);
	struct uf_wait_bucket buckets[UF_WAIT_BUCKETS];
};

/* Make @table empty; nobody uses it yet. */
void uf_wait_table_init(struct uf_wait_table *table);

/*
 * Make the current thread a waiter. @waiter's page and msg are filled in, the rest is done here.
 * From here until uf_waiter_remove() has returned @waiter must stay where it is.
 */
void uf_waiter_add(struct uf_wait_table *table, struct uf_waiter *waiter);

/* Take the current thread's waiter out again, woken or not. May sleep, until its waker is done. */
void uf_waiter_remove(struct uf_wait_table *table, struct uf_waiter *waiter);

/* Whether a waiter is pending; a hint. */
static inline bool uf_waiters_pending(const struct uf_wait_table *table)
{
	return !list_empty(&table->pending);
}

/* Which waiter was told: enough to find it again if it still waits, and never dereferenced. */
struct uf_told {
	const struct uf_waiter *waiter;
	unsigned long page;
};

/*
 * The oldest pending waiter becomes told, and its message is copied to @msg. False: none is
 * pending.
 */
bool uf_waiters_tell(struct uf_wait_table *table, struct uffd_msg *msg, struct uf_told *told);

/*
 * The monitor could not be told after all: the waiter, if it still waits, is the next to be told.
 */
void uf_waiters_untell(struct uf_wait_table *table, const struct uf_told *told);

/*
 * Wake every waiter of [@start, @start + @len), page aligned and not empty. Caller orders this
 * after whatever the waiters are to see. @waiters: there are no more than that in the table, which
 * says how to look for them; it need not be exact.
 */
void uf_waiters_wake(struct uf_wait_table *table, unsigned long start, unsigned long len,
		     unsigned long waiters);

/* The same for every waiter there is. */
void uf_waiters_wake_all(struct uf_wait_table *table);

/* How many are pending, and how many wait altogether. */
void uf_waiters_count(struct uf_wait_table *table, unsigned long *pending, unsigned long *total);

#endif /* UF_WAITERS_H */
