// SPDX-License-Identifier: GPL-2.0-only
/* The wait table; see waiters.h. */
#include <linux/userfault.h>

#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "waiters.h"

/* The number of the bucket for @page. */
static unsigned int uf_wait_bucket_of(unsigned long page)
{
	return hash_long(page >> PAGE_SHIFT, UF_WAIT_BUCKET_BITS);
}

/* Call this after one or more waiters have left bucket @i: it updates the bucket's bit. */
static __always_inline void uf_wait_bucket_left(struct uf_wait_table *table, unsigned int i)
{
	lockdep_assert_held(&table->buckets[i].lock);

	if (hlist_empty(&table->buckets[i].head))
		clear_bit(i, table->occupied);
}

void uf_wait_table_init(struct uf_wait_table *table)
{
	int i;

	spin_lock_init(&table->pending_lock);
	INIT_LIST_HEAD(&table->pending);
	bitmap_zero(table->occupied, UF_WAIT_BUCKETS);
	for (i = 0; i < UF_WAIT_BUCKETS; i++) {
		spin_lock_init(&table->buckets[i].lock);
		INIT_HLIST_HEAD(&table->buckets[i].head);
	}
}

/* The bucket comes first: a monitor that reads the fault's message must be able to wake it. */
void uf_waiter_add(struct uf_wait_table *table, struct uf_waiter *waiter)
{
	unsigned int i = uf_wait_bucket_of(waiter->page);
	struct uf_wait_bucket *bucket = &table->buckets[i];

	waiter->task = current;
	waiter->state = UF_PENDING;
	waiter->since = jiffies;

	spin_lock(&bucket->lock);
	if (hlist_empty(&bucket->head))
		set_bit(i, table->occupied);
	hlist_add_head(&waiter->node, &bucket->head);
	spin_lock(&table->pending_lock);
	list_add_tail(&waiter->pending, &table->pending);
	spin_unlock(&table->pending_lock);
	spin_unlock(&bucket->lock);
}

/* The caller holds the bucket's lock, so that no other thread takes or removes @waiter. */
static __always_inline void uf_waiter_unlink(struct uf_wait_table *table,
					     struct uf_wait_bucket *bucket,
					     struct uf_waiter *waiter)
{
	lockdep_assert_held(&bucket->lock);

	__hlist_del(&waiter->node);
	/*
	 * A told waiter can't become pending again meanwhile: uf_waiters_untell() takes the
	 * bucket's lock. Pairs with the release in uf_waiters_tell(), which is then done with
	 * *waiter.
	 */
	if (smp_load_acquire(&waiter->state) != UF_PENDING)
		return;

	spin_lock(&table->pending_lock);
	if (waiter->state == UF_PENDING)
		list_del(&waiter->pending);
	spin_unlock(&table->pending_lock);
}

/* The waker is about to store the state, and then to wake the current thread. */
static void uf_waiter_wait_for_waker(struct uf_waiter *waiter)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		/* Pairs with the release in uf_waiter_wake(): the waker is done with the waiter. */
		if (smp_load_acquire(&waiter->state) == UF_WOKEN)
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

bool uf_waiter_remove(struct uf_wait_table *table, struct uf_waiter *waiter)
{
	unsigned int i = uf_wait_bucket_of(waiter->page);
	struct uf_wait_bucket *bucket = &table->buckets[i];
	bool taken;

	/* Pairs with the release in uf_waiter_wake(): the waker is done with *waiter. */
	if (smp_load_acquire(&waiter->state) == UF_WOKEN)
		return true;

	spin_lock(&bucket->lock);
	taken = READ_ONCE(waiter->state) >= UF_TAKEN;
	if (!taken) {
		uf_waiter_unlink(table, bucket, waiter);
		uf_wait_bucket_left(table, i);
	}
	spin_unlock(&bucket->lock);
	if (taken)
		uf_waiter_wait_for_waker(waiter);
	return taken;
}

/*
 * The caller took @waiter, so its thread doesn't leave before the state is stored. Once the state
 * is UF_WOKEN, the thread may return and exit; the RCU read lock keeps the task_struct. If the
 * thread already sleeps elsewhere by then, it sees a spurious wake-up, which every sleeper in the
 * kernel allows for.
 */
static void uf_waiter_wake(struct uf_waiter *waiter)
{
	struct task_struct *task = waiter->task;

	rcu_read_lock();
	/* Pairs with the acquires in uf_waiter_wait_for_waker() and uf_waiter_remove(). */
	smp_store_release(&waiter->state, UF_WOKEN);
	wake_up_process(task);
	rcu_read_unlock();
}

/*
 * Take the waiters of bucket @i that wait for a page from @start to @last. Returns them chained by
 * their nodes, or NULL.
 */
static __always_inline struct hlist_node *
uf_wait_bucket_take(struct uf_wait_table *table, unsigned int i, unsigned long start,
		    unsigned long last)
{
	struct uf_wait_bucket *bucket = &table->buckets[i];
	struct hlist_node *taken = NULL, *next;
	struct uf_waiter *waiter;

	spin_lock(&bucket->lock);
	hlist_for_each_entry_safe(waiter, next, &bucket->head, node) {
		if (waiter->page < start || waiter->page > last)
			continue;
		uf_waiter_unlink(table, bucket, waiter);
		WRITE_ONCE(waiter->state, UF_TAKEN);
		waiter->node.next = taken;
		taken = &waiter->node;
	}
	if (taken)
		uf_wait_bucket_left(table, i);
	spin_unlock(&bucket->lock);
	return taken;
}

/* Wake the waiters that uf_wait_bucket_take() has returned. */
static noinline void uf_waiters_wake_taken(struct hlist_node *taken)
{
	struct hlist_node *next;

	for (; taken; taken = next) {
		next = taken->next;	/* read it now: the wake-up may free this waiter's stack */
		uf_waiter_wake(hlist_entry(taken, struct uf_waiter, node));
	}
}

static __always_inline void uf_wait_bucket_wake(struct uf_wait_table *table, unsigned int i,
						unsigned long start, unsigned long last)
{
	struct hlist_node *taken = uf_wait_bucket_take(table, i, start, last);

	if (taken)
		uf_waiters_wake_taken(taken);
}

/*
 * The number of the first bucket from @i on that has waiters, or UF_WAIT_BUCKETS. Does the work of
 * find_next_bit(), which isn't made for words that change meanwhile.
 */
static __always_inline unsigned int uf_wait_next_occupied(const struct uf_wait_table *table,
							  unsigned int i)
{
	unsigned long bits;

	for (; i < UF_WAIT_BUCKETS; i = round_down(i, BITS_PER_LONG) + BITS_PER_LONG) {
		bits = READ_ONCE(table->occupied[BIT_WORD(i)]) >> (i % BITS_PER_LONG);
		if (bits)
			return i + __ffs(bits);
	}
	return UF_WAIT_BUCKETS;
}

static void uf_wait_buckets_wake(struct uf_wait_table *table, unsigned long start,
				 unsigned long last)
{
	unsigned int i;

	for (i = uf_wait_next_occupied(table, 0); i < UF_WAIT_BUCKETS;
	     i = uf_wait_next_occupied(table, i + 1))
		uf_wait_bucket_wake(table, i, start, last);
}

static __always_inline void uf_wait_page_wake(struct uf_wait_table *table, unsigned long page)
{
	unsigned int i = uf_wait_bucket_of(page);

	if (!hlist_empty(&table->buckets[i].head))
		uf_wait_bucket_wake(table, i, page, page);
}

/*
 * Look each page up, or look at all buckets that have waiters: whichever takes less. Finding such a
 * bucket and looking into it takes about as long as looking up 5 pages. The more buckets have
 * waiters, the more of the page lookups end in one of them.
 */
void uf_waiters_wake(struct uf_wait_table *table, unsigned long start, unsigned long len,
		     unsigned long waiters)
{
	unsigned long last = start + len - PAGE_SIZE;
	unsigned long page;

	if (likely(len == PAGE_SIZE)) {
		uf_wait_page_wake(table, start);
		return;
	}
	if (len >> PAGE_SHIFT > min(8 + 3 * waiters, 200UL)) {
		uf_wait_buckets_wake(table, start, last);
		return;
	}
	for (page = start; page <= last; page += PAGE_SIZE)
		uf_wait_page_wake(table, page);
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
		/* Pairs with the acquire in uf_waiter_unlink(). */
		smp_store_release(&waiter->state, UF_TOLD);
	}
	spin_unlock(&table->pending_lock);
	return waiter;
}

/*
 * The waiter may have gone, and another waiter of the same bucket may now be at the same address on
 * the same stack. A monitor may then read that waiter's message twice. It must allow for that
 * anyway, because a retried fault sends its message again.
 */
void uf_waiters_untell(struct uf_wait_table *table, const struct uf_told *told)
{
	struct uf_wait_bucket *bucket = &table->buckets[uf_wait_bucket_of(told->page)];
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

/* Count one that came at @since; of the *@count before it the oldest came at *@oldest. */
static void uf_waiters_see_one(unsigned long *count, unsigned long *oldest, unsigned long since)
{
	if (!(*count)++ || time_before(since, *oldest))
		*oldest = since;
}

void uf_waiters_see(struct uf_wait_table *table, struct uf_waiters_seen *seen)
{
	struct uf_waiter *waiter;
	unsigned int i;

	*seen = (struct uf_waiters_seen){};
	for (i = uf_wait_next_occupied(table, 0); i < UF_WAIT_BUCKETS;
	     i = uf_wait_next_occupied(table, i + 1)) {
		spin_lock(&table->buckets[i].lock);
		hlist_for_each_entry(waiter, &table->buckets[i].head, node) {
			uf_waiters_see_one(&seen->total, &seen->oldest, waiter->since);
			if (READ_ONCE(waiter->state) == UF_PENDING)
				uf_waiters_see_one(&seen->pending, &seen->oldest_pending,
						   waiter->since);
		}
		spin_unlock(&table->buckets[i].lock);
	}
}

/* A waiter's thread can't exit while the waiter is in its bucket. */
static void uf_waiter_describe(const struct uf_waiter *waiter, struct pid_namespace *ns,
			       struct uf_waiter_seen *seen)
{
	seen->page = waiter->page;
	seen->since = waiter->since;
	seen->flags = waiter->msg.arg.pagefault.flags;
	seen->tid = task_pid_nr_ns(waiter->task, ns);
	seen->told = READ_ONCE(waiter->state) != UF_PENDING;
}

unsigned long uf_waiters_list(struct uf_wait_table *table, struct pid_namespace *ns,
			      struct uf_waiter_seen *list, unsigned long room)
{
	const struct uf_waiter *waiter;
	unsigned long count = 0;
	unsigned int i;

	for (i = uf_wait_next_occupied(table, 0); i < UF_WAIT_BUCKETS;
	     i = uf_wait_next_occupied(table, i + 1)) {
		spin_lock(&table->buckets[i].lock);
		hlist_for_each_entry(waiter, &table->buckets[i].head, node) {
			if (count < room)
				uf_waiter_describe(waiter, ns, &list[count]);
			count++;
		}
		spin_unlock(&table->buckets[i].lock);
	}
	return count;
}
