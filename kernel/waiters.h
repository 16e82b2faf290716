/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wait table: which threads wait for which page.
 *
 * Overview
 *
 * A waiter stands for a thread blocked in a fault, and lives on that thread's stack. It is in up to
 * two places at once. It is in a bucket, found by hashing its page, from the fault until a waker or
 * its own thread takes it out. It is on the pending queue, first in first out, from the fault until
 * a reader takes its message or it leaves the bucket. Waking a page looks into one bucket, however
 * many other waiters there are. One word holds a waiter's state:
 *
 *	UF_PENDING --- told ---> UF_TOLD --- taken ---> UF_TAKEN --- woken ---> UF_WOKEN
 *	     \___________________ taken __________________^
 *
 * A waker first moves all matching waiters of a bucket to a list of its own, under the bucket's
 * lock; this takes them out of both places. It then drops the lock and wakes them, because waking a
 * thread takes long, a page can have thousands of waiters, and other threads may want the lock. A
 * thread that leaves meanwhile because of a signal finds its waiter taken, and waits for the waker.
 * It waits as long as it would for the lock if the waker kept it while waking, except that a
 * preempted waker gets no priority boost here.
 *
 * A waiter whose state is UF_WOKEN is in neither place, and the waker no longer accesses it: its
 * thread may return, and its stack may be reused, at once.
 *
 * Waking a long range has to find the buckets that aren't empty: table->occupied has a bit for each
 * bucket.
 *
 * Locking
 *
 * pending_lock nests inside bucket->lock. Both are held for some dozen instructions per waiter, and
 * no interrupt handler takes them, so neither disables interrupts. When native code wakes through
 * the bridge (ctx.h), it holds the context's view.fault_pending_wqh.lock outside of both. The lock
 * of the queue of readers and pollers never nests with these two.
 *
 * Field protection
 *
 *	bucket->head			bucket->lock; a check for empty may go without it
 *	table->occupied			bit i: bucket i has a waiter; set and cleared atomically,
 *					under bucket i's lock; may be read without it
 *	waiter->node			bucket->lock; once the waiter is taken, its waker's alone
 *	table->pending, waiter->pending	pending_lock; a check for empty may go without it
 *	waiter->state			PENDING to TOLD: pending_lock
 *					TOLD to PENDING: bucket->lock and pending_lock
 *					to TAKEN: bucket->lock, once the waiter is off the pending
 *					queue; a thread that still reads PENDING then needs the
 *					bucket's lock to act on it
 *					TAKEN to WOKEN: the waker that took it, without a lock
 *					TOLD and WOKEN are stored with release, after the storing
 *					thread's last access to the waiter, and loaded with acquire
 *					where no lock orders the load
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

struct pid_namespace;

/*
 * 256 buckets of 16 bytes (without lock debugging) take a page of memory, and hold 8 waiters each
 * on average when 2,048 threads wait.
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
	unsigned long since;		/* when it came, in jiffies */
	struct uffd_msg msg;		/* what the monitor will read */
};

struct uf_wait_bucket {
	spinlock_t lock;		/* see the table above */
	struct hlist_head head;
};

struct uf_wait_table {
	spinlock_t pending_lock;	/* see the table above */
	struct list_head pending;
	DECLARE_BITMAP(occupied, UF_WAIT_BUCKETS);
	struct uf_wait_bucket buckets[UF_WAIT_BUCKETS];
};

/* Make @table empty. No thread may use it yet. */
void uf_wait_table_init(struct uf_wait_table *table);

/*
 * Make the current thread a waiter. The caller has filled in @waiter's page and msg; this sets the
 * other fields. @waiter must stay where it is until uf_waiter_remove() has returned.
 */
void uf_waiter_add(struct uf_wait_table *table, struct uf_waiter *waiter);

/*
 * Take the current thread's waiter out again. Returns whether a waker had taken it out. May sleep
 * until its waker is done.
 */
bool uf_waiter_remove(struct uf_wait_table *table, struct uf_waiter *waiter);

/* Whether a waiter is pending; a hint. */
static inline bool uf_waiters_pending(const struct uf_wait_table *table)
{
	return !list_empty(&table->pending);
}

/*
 * Identifies the waiter whose message a reader took: enough to find it again if it still waits. The
 * pointer is never dereferenced.
 */
struct uf_told {
	const struct uf_waiter *waiter;
	unsigned long page;
};

/*
 * Copy the oldest pending waiter's message to @msg and mark that waiter told. False: no waiter is
 * pending.
 */
bool uf_waiters_tell(struct uf_wait_table *table, struct uffd_msg *msg, struct uf_told *told);

/*
 * The reader could not deliver the message after all: if the waiter still waits, make it pending
 * again, as the oldest.
 */
void uf_waiters_untell(struct uf_wait_table *table, const struct uf_told *told);

/*
 * Wake every waiter of [@start, @start + @len), which is page aligned and not empty. The caller
 * orders this after everything that the woken threads must see. @waiters: an estimate of the most
 * waiters that the table can have. It only decides how to look for them, and need not be exact.
 */
void uf_waiters_wake(struct uf_wait_table *table, unsigned long start, unsigned long len,
		     unsigned long waiters);

/* The same for every waiter in the table. */
void uf_waiters_wake_all(struct uf_wait_table *table);

/*
 * The waiters at one time, bucket after bucket: how many are pending, and how many there are; and
 * when the oldest of either came, in jiffies, if there is one.
 */
struct uf_waiters_seen {
	unsigned long pending;
	unsigned long total;
	unsigned long oldest_pending;
	unsigned long oldest;
};

/* Look at all waiters. Doesn't sleep. */
void uf_waiters_see(struct uf_wait_table *table, struct uf_waiters_seen *seen);

/* What is told of a waiter to those who ask who waits. */
struct uf_waiter_seen {
	unsigned long page;
	unsigned long since;		/* in jiffies */
	u64 flags;			/* of the message */
	pid_t tid;			/* 0: the thread isn't in that namespace */
	bool told;
};

/*
 * Describe waiters, @room of them at most, with the ids that @ns has for their threads. Returns how
 * many there are. Doesn't sleep.
 */
unsigned long uf_waiters_list(struct uf_wait_table *table, struct pid_namespace *ns,
			      struct uf_waiter_seen *list, unsigned long room);

#endif /* UF_WAITERS_H */
