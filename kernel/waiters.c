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

/* Whoever looks for @bucket by its byte sees what whoever looks at its head would see. */
static void uf_wait_bucket_note(struct uf_wait_table *table, struct uf_wait_bucket *bucket)
{
	lockdep_assert_held(&bucket->lock);

	WRITE_ONCE(table->occupied[bucket - table->buckets], !hlist_empty(&bucket->head));
}

void uf_wait_table_init(struct uf_wait_table *table)
{
	int i;

	spin_lock_init(&table->pending_lock);
	INIT_LIST_HEAD(&table->pending);
	memset(table->occupied, 0, sizeof(table->occupied));
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
	uf_wait_bucket_note(table, bucket);
	spin_lock(&table->pending_lock);
	list_add_tail(&waiter->pending, &table->pending);
	spin_unlock(&table->pending_lock);
	spin_unlock(&bucket->lock);
}

/* Under the bucket's lock, so that nobody else takes or removes @waiter. */
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

/* The waker wakes the current thread after it has stored the state; both are about to come. */
static void uf_waiter_wait_for_waker(struct uf_waiter *waiter)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (smp_load_acquire(&waiter->state) == UF_WOKEN)
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

void uf_waiter_remove(struct uf_wait_table *table, struct uf_waiter *waiter)
{
	struct uf_wait_bucket *bucket = uf_wait_bucket(table, waiter->page);
	bool taken;

	/* Pairs with the release in uf_waiter_wake(): the waker is done with *waiter. */
	if (smp_load_acquire(&waiter->state) == UF_WOKEN)
		return;

	spin_lock(&bucket->lock);
	taken = READ_ONCE(waiter->state) >= UF_TAKEN;
	if (!taken) {
		uf_waiter_unlink(table, bucket, waiter);
		uf_wait_bucket_note(table, bucket);
	}
	spin_unlock(&bucket->lock);
	if (taken)
		uf_waiter_wait_for_waker(waiter);
}

/*
 * @waiter was taken: its thread doesn't leave before the state is stored. Once it is UF_WOKEN the
 * thread may return and exit; an RCU read lock keeps the task_struct. Should it by then be asleep
 * elsewhere, it sees a spurious wake-up, which every sleeper in the kernel allows for.
 */
static void uf_waiter_wake(struct uf_waiter *waiter)
{
	struct task_struct *task = waiter->task;

	rcu_read_lock();
	smp_store_release(&waiter->state, UF_WOKEN);
	wake_up_process(task);
	rcu_read_unlock();
}

/* Those of the bucket that wait for a page from @start to @last. */
static void uf_wait_bucket_take(struct uf_wait_table *table, struct uf_wait_bucket *bucket,
				unsigned long start, unsigned long last, struct hlist_head *taken)
{
	struct uf_waiter *waiter;
	struct hlist_node *next;

	spin_lock(&bucket->lock);
	hlist_for_each_entry_safe(waiter, next, &bucket->head, node) {
		if (waiter->page < start || waiter->page > last)
			continue;
		uf_waiter_unlink(table, bucket, waiter);
		hlist_add_head(&waiter->node, taken);
		WRITE_ONCE(waiter->state, UF_TAKEN);
	}
	uf_wait_bucket_note(table, bucket);
	spin_unlock(&bucket->lock);
}

static void uf_wait_bucket_wake(struct uf_wait_table *table, struct uf_wait_bucket *bucket,
				unsigned long start, unsigned long last)
{
	struct uf_waiter *waiter;
	struct hlist_node *next;
	HLIST_HEAD(taken);

	if (hlist_empty(&bucket->head))
		return;

	uf_wait_bucket_take(table, bucket, start, last, &taken);
	/* The next one is read before this one's stack may go. */
	hlist_for_each_entry_safe(waiter, next, &taken, node)
		uf_waiter_wake(waiter);
}

/* All buckets that have waiters, a word of the table's bytes at a time. */
static void uf_wait_buckets_wake(struct uf_wait_table *table, unsigned long start,
				 unsigned long last)
{
	struct uf_wait_bucket *bucket = table->buckets;
	int word, i;

	for (word = 0; word < ARRAY_SIZE(table->occupied_words); word++) {
		if (READ_ONCE(table->occupied_words[word]))
			for (i = 0; i < sizeof(unsigned long); i++)
				uf_wait_bucket_wake(table, bucket + i, start, last);
		bucket += sizeof(unsigned long);
	}
}

/*
 * Look each page up, or look at all buckets that have waiters: whichever takes less. To find those
 * takes as long as to look up a dozen pages, to look into one as long as for four more.
 */
void uf_waiters_wake(struct uf_wait_table *table, unsigned long start, unsigned long len,
		     unsigned long waiters)
{
	unsigned long last = start + len - PAGE_SIZE;
	unsigned long page;

	if (len >> PAGE_SHIFT >= min(12 + 4 * waiters, (unsigned long)UF_WAIT_BUCKETS)) {
		uf_wait_buckets_wake(table, start, last);
		return;
	}
	for (page = start; page <= last; page += PAGE_SIZE)
		uf_wait_bucket_wake(table, uf_wait_bucket(table, page), page, page);
}

void uf_waiters_wake_all(struct uf_wait_table *table)
{
	uf_wait_buckets_wake(table, 0, ULONG_MAX);
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
		if (hlist_empty(&table->buckets[i].head))
			continue;
		spin_lock(&table->buckets[i].lock);
		hlist_for_each_entry(waiter, &table->buckets[i].head, node) {
			*pending += READ_ONCE(waiter->state) == UF_PENDING;
			++*total;
		}
		spin_unlock(&table->buckets[i].lock);
	}
}
