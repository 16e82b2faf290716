// SPDX-License-Identifier: GPL-2.0-only
/* The wait table; see waiters.h. */
#include <linux/userfault.h>

#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "waiters.h"

static struct uf_wait_bucket *uf_wait_bucket(struct uf_wait_table *table, unsigned long page)
{
	return &table->buckets[hash_long(page >> PAGE_SHIFT, UF_WAIT_BUCKET_BITS)];
}

void uf_wait_table_init(struct uf_wait_table *table)
{
	int i;

	spin_lock_init(&table->pending_lock);
	INIT_LIST_HEAD(&table->pending);
	for (i = 0; i < UF_WAIT_BUCKETS; i++) {
		spin_lock_init(&table->buckets[i].lock);
		INIT_HLIST_HEAD(&table->buckets[i].head);
	}
}

/* In the bucket first: who is told of a fault must be able to wake it. */
void uf_waiter_add(struct uf_wait_table *table, struct uf_waiter *waiter)
{
	struct uf_wait_bucket *bucket = uf_wait_bucket(table, waiter->page);

	waiter->task = current;
	waiter->state = UF_PENDING;

	spin_lock(&bucket->lock);
	hlist_add_head(&waiter->node, &bucket->head);
	spin_lock(&table->pending_lock);
	list_add_tail(&waiter->pending, &table->pending);
	spin_unlock(&table->pending_lock);
	spin_unlock(&bucket->lock);
}

/* Under the bucket's lock, so that nobody else wakes or removes @waiter. */
static void uf_waiter_unlink(struct uf_wait_table *table, struct uf_wait_bucket *bucket,
			     struct uf_waiter *waiter)
{
	lockdep_assert_held(&bucket->lock);

	hlist_del(&waiter->node);
	/*
	 * Told: the way back takes the bucket's lock. Pairs with the release in uf_waiters_tell(),
	 * which is done with *waiter.
	 */
	if (smp_load_acquire(&waiter->state) != UF_PENDING)
		return;

	spin_lock(&table->pending_lock);
	if (waiter->state == UF_PENDING)
		list_del(&waiter->pending);
	spin_unlock(&table->pending_lock);
}

void uf_waiter_remove(struct uf_wait_table *table, struct uf_waiter *waiter)
{
	struct uf_wait_bucket *bucket = uf_wait_bucket(table, waiter->page);

	/* Pairs with the release in uf_waiter_wake(): the waker is done with *waiter. */
	if (smp_load_acquire(&waiter->state) == UF_WOKEN)
		return;

	spin_lock(&bucket->lock);
	if (waiter->state != UF_WOKEN)
		uf_waiter_unlink(table, bucket, waiter);
	spin_unlock(&bucket->lock);
}

/*
 * Under an RCU read lock, which keeps the task_struct: once the state is UF_WOKEN the thread may
 * return and exit. Should it by then be asleep elsewhere, it sees a spurious wake-up, which every
 * sleeper in the kernel allows for.
 */
static void uf_waiter_wake(struct uf_wait_table *table, struct uf_wait_bucket *bucket,
			   struct uf_waiter *waiter)
{
	struct task_struct *task = waiter->task;

	uf_waiter_unlink(table, bucket, waiter);
	smp_store_release(&waiter->state, UF_WOKEN);
	wake_up_process(task);
}

static void uf_wait_bucket_wake(struct uf_wait_table *table, struct uf_wait_bucket *bucket,
				unsigned long start, unsigned long last)
{
	struct uf_waiter *waiter;
	struct hlist_node *next;

	if (hlist_empty(&bucket->head))
		return;

	rcu_read_lock();
	spin_lock(&bucket->lock);
	hlist_for_each_entry_safe(waiter, next, &bucket->head, node) {
		if (waiter->page >= start && waiter->page <= last)
			uf_waiter_wake(table, bucket, waiter);
	}
	spin_unlock(&bucket->lock);
	rcu_read_unlock();
}

/* Walk the buckets, or look each page up: whichever looks into fewer buckets. */
void uf_waiters_wake(struct uf_wait_table *table, unsigned long start, unsigned long len)
{
	unsigned long last = start + len - PAGE_SIZE;
	unsigned long page;
	int i;

	if (len >> PAGE_SHIFT < UF_WAIT_BUCKETS) {
		for (page = start; page <= last; page += PAGE_SIZE)
			uf_wait_bucket_wake(table, uf_wait_bucket(table, page), page, page);
	} else {
		for (i = 0; i < UF_WAIT_BUCKETS; i++)
			uf_wait_bucket_wake(table, &table->buckets[i], start, last);
	}
}

void uf_waiters_wake_all(struct uf_wait_table *table)
{
	int i;

	for (i = 0; i < UF_WAIT_BUCKETS; i++)
		uf_wait_bucket_wake(table, &table->buckets[i], 0, ULONG_MAX);
}

bool uf_waiters_tell(struct uf_wait_table *table, struct uffd_msg *msg, struct uf_told *told)
{
	struct uf_waiter *waiter;

	spin_lock(&table->pending_lock);
	waiter = list_first_entry_or_null(&table->pending, struct uf_waiter, pending);
	if (waiter) {
		list_del(&waiter->pending);
		*msg = waiter->msg;
		told->waiter = waiter;
		told->page = waiter->page;
		smp_store_release(&waiter->state, UF_TOLD);
	}
	spin_unlock(&table->pending_lock);
	return waiter;
}

/*
 * The waiter may have gone, and another come to the same place on the same stack: then that one is
 * told twice, which a monitor must allow for anyway, because a fault that is retried is told again.
 */
void uf_waiters_untell(struct uf_wait_table *table, const struct uf_told *told)
{
	struct uf_wait_bucket *bucket = uf_wait_bucket(table, told->page);
	struct uf_waiter *waiter;

	spin_lock(&bucket->lock);
	hlist_for_each_entry(waiter, &bucket->head, node) {
		if (waiter != told->waiter)
			continue;
		spin_lock(&table->pending_lock);
		if (waiter->state == UF_TOLD) {
			WRITE_ONCE(waiter->state, UF_PENDING);
			list_add(&waiter->pending, &table->pending);
		}
		spin_unlock(&table->pending_lock);
		break;
	}
	spin_unlock(&bucket->lock);
}

void uf_waiters_count(struct uf_wait_table *table, unsigned long *pending, unsigned long *total)
{
	struct uf_waiter *waiter;
	int i;

	*pending = 0;
	*total = 0;
	for (i = 0; i < UF_WAIT_BUCKETS; i++) {
		spin_lock(&table->buckets[i].lock);
		hlist_for_each_entry(waiter, &table->buckets[i].head, node) {
			*pending += READ_ONCE(waiter->state) == UF_PENDING;
			++*total;
		}
		spin_unlock(&table->buckets[i].lock);
	}
}
