// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the wait table. The test module includes waiters.c a second time, so that the
 * tests run without the userfault module and can look inside the table.
 */
#include "../waiters.c"

#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/sched/task.h>

#define BASE		0x7f0000000000ul
#define MANY		2048

static unsigned long page_at(unsigned long n)
{
	return BASE + n * PAGE_SIZE;
}

static struct uf_wait_table *new_table(struct kunit *test)
{
	struct uf_wait_table *table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, table);
	uf_wait_table_init(table);
	return table;
}

/* Add a waiter of the running thread. The thread doesn't sleep, so waking it does no harm. */
static void add(struct uf_wait_table *table, struct uf_waiter *waiter, unsigned long page)
{
	waiter->page = page;
	waiter->msg = (struct uffd_msg){ .event = UFFD_EVENT_PAGEFAULT };
	waiter->msg.arg.pagefault.address = page;
	uf_waiter_add(table, waiter);
}

/* Wake as a context does, with an upper bound of the number of waiters */
static void wake(struct uf_wait_table *table, unsigned long start, unsigned long len)
{
	struct uf_waiters_seen seen;

	uf_waiters_see(table, &seen);
	uf_waiters_wake(table, start, len, seen.total);
}

static void expect_bits(struct kunit *test, const struct uf_wait_table *table)
{
	int i;

	for (i = 0; i < UF_WAIT_BUCKETS; i++)
		KUNIT_EXPECT_EQ(test, test_bit(i, table->occupied),
				!hlist_empty(&table->buckets[i].head));
}

static void expect_count(struct kunit *test, struct uf_wait_table *table, unsigned long pending,
			 unsigned long total)
{
	struct uf_waiters_seen seen;

	uf_waiters_see(table, &seen);
	KUNIT_EXPECT_EQ(test, seen.pending, pending);
	KUNIT_EXPECT_EQ(test, seen.total, total);
	KUNIT_EXPECT_EQ(test, uf_waiters_pending(table), pending != 0);
	expect_bits(test, table);
}

static void expect_told(struct kunit *test, struct uf_wait_table *table,
			struct uf_waiter *waiter, struct uf_told *told)
{
	struct uffd_msg msg = {};

	KUNIT_ASSERT_TRUE(test, uf_waiters_tell(table, &msg, told));
	KUNIT_EXPECT_PTR_EQ(test, told->waiter, waiter);
	KUNIT_EXPECT_EQ(test, told->page, waiter->page);
	KUNIT_EXPECT_EQ(test, (unsigned long)msg.arg.pagefault.address, waiter->page);
	KUNIT_EXPECT_EQ(test, waiter->state, UF_TOLD);
}

static void new_table_is_empty(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uffd_msg msg;
	struct uf_told told;

	expect_count(test, table, 0, 0);
	KUNIT_EXPECT_FALSE(test, uf_waiters_tell(table, &msg, &told));
	wake(table, BASE, PAGE_SIZE);
	uf_waiters_wake_all(table);
	expect_count(test, table, 0, 0);
}

static void faults_are_told_in_their_order(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter waiters[3];
	struct uffd_msg msg;
	struct uf_told told;
	int i;

	for (i = 0; i < 3; i++) {
		add(table, &waiters[i], page_at(2 - i));
		KUNIT_EXPECT_EQ(test, waiters[i].state, UF_PENDING);
		KUNIT_EXPECT_PTR_EQ(test, waiters[i].task, current);
	}
	expect_count(test, table, 3, 3);
	for (i = 0; i < 3; i++) {
		expect_told(test, table, &waiters[i], &told);
		expect_count(test, table, 2 - i, 3);
	}
	KUNIT_EXPECT_FALSE(test, uf_waiters_tell(table, &msg, &told));
	uf_waiters_wake_all(table);
	expect_count(test, table, 0, 0);
}

static void untold_fault_is_told_next(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter first, second;
	struct uf_told told;

	add(table, &first, page_at(0));
	add(table, &second, page_at(1));
	expect_told(test, table, &first, &told);
	uf_waiters_untell(table, &told);
	KUNIT_EXPECT_EQ(test, first.state, UF_PENDING);
	expect_count(test, table, 2, 2);
	uf_waiters_untell(table, &told);
	expect_count(test, table, 2, 2);
	expect_told(test, table, &first, &told);
	expect_told(test, table, &second, &told);
	uf_waiters_wake_all(table);
}

/* Ages are right when jiffies wrap, too: here the first came before that, and the second after. */
static void oldest_waiters_are_seen(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter waiters[3];
	struct uf_waiters_seen seen;
	struct uf_told told;
	int i;

	for (i = 0; i < 3; i++) {
		add(table, &waiters[i], page_at(i));
		KUNIT_EXPECT_TRUE(test, time_before_eq(waiters[i].since, jiffies));
		waiters[i].since = i - 1UL;
	}
	uf_waiters_see(table, &seen);
	KUNIT_EXPECT_EQ(test, seen.oldest, -1UL);
	KUNIT_EXPECT_EQ(test, seen.oldest_pending, -1UL);

	expect_told(test, table, &waiters[0], &told);
	uf_waiters_see(table, &seen);
	KUNIT_EXPECT_EQ(test, seen.oldest, -1UL);
	KUNIT_EXPECT_EQ(test, seen.oldest_pending, 0);

	wake(table, page_at(0), PAGE_SIZE);
	uf_waiters_see(table, &seen);
	KUNIT_EXPECT_EQ(test, seen.oldest, 0);
	uf_waiters_wake_all(table);
}

static void gone_waiter_is_not_untold(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter waiter;
	struct uf_told told;

	add(table, &waiter, page_at(0));
	expect_told(test, table, &waiter, &told);
	wake(table, page_at(0), PAGE_SIZE);
	uf_waiters_untell(table, &told);
	KUNIT_EXPECT_EQ(test, waiter.state, UF_WOKEN);
	expect_count(test, table, 0, 0);

	add(table, &waiter, page_at(0));
	expect_told(test, table, &waiter, &told);
	uf_waiter_remove(table, &waiter);
	/*
	 * Another waiter at the same address, in another bucket: untell must not take it for the
	 * first
	 */
	add(table, &waiter, page_at(1));
	uf_waiters_untell(table, &told);
	expect_count(test, table, 1, 1);
	expect_told(test, table, &waiter, &told);
	uf_waiter_remove(table, &waiter);
	expect_count(test, table, 0, 0);
}

static void waiter_can_leave_in_any_state(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter pending, told_one, woken, stays;
	struct uf_told told;

	add(table, &told_one, page_at(0));
	add(table, &pending, page_at(1));
	add(table, &woken, page_at(2));
	add(table, &stays, page_at(3));
	expect_told(test, table, &told_one, &told);
	wake(table, page_at(2), PAGE_SIZE);

	uf_waiter_remove(table, &told_one);
	expect_count(test, table, 2, 2);
	uf_waiter_remove(table, &pending);
	expect_count(test, table, 1, 1);
	uf_waiter_remove(table, &woken);
	expect_count(test, table, 1, 1);
	expect_told(test, table, &stays, &told);
	uf_waiter_remove(table, &stays);
	expect_count(test, table, 0, 0);
}

static void woken_fault_is_not_told(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter first, second;
	struct uf_told told;

	add(table, &first, page_at(0));
	add(table, &second, page_at(1));
	wake(table, page_at(0), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, first.state, UF_WOKEN);
	expect_count(test, table, 1, 1);
	expect_told(test, table, &second, &told);
	uf_waiters_wake_all(table);
}

static void all_waiters_of_a_page_are_woken(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter waiters[3];
	struct uf_told told;
	int i;

	for (i = 0; i < 3; i++)
		add(table, &waiters[i], page_at(0));
	expect_told(test, table, &waiters[0], &told);
	wake(table, page_at(0), PAGE_SIZE);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, waiters[i].state, UF_WOKEN);
	expect_count(test, table, 0, 0);
}

/* The next page after @page whose waiters are in the same bucket */
static unsigned long neighbour_in_bucket(unsigned long page)
{
	unsigned long other = page;

	do {
		other += PAGE_SIZE;
	} while (uf_wait_bucket_of(other) != uf_wait_bucket_of(page));
	return other;
}

static void page_is_woken_alone_in_its_bucket(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter waiter, neighbour;

	add(table, &waiter, page_at(0));
	add(table, &neighbour, neighbour_in_bucket(page_at(0)));
	wake(table, neighbour.page, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, waiter.state, UF_PENDING);
	KUNIT_EXPECT_EQ(test, neighbour.state, UF_WOKEN);
	expect_count(test, table, 1, 1);
	wake(table, waiter.page, PAGE_SIZE);
	expect_count(test, table, 0, 0);
}

/*
 * Lengths on both sides of the limits above which waking looks at the buckets, with 4 waiters and
 * with many
 */
static const unsigned long range_pages[] = {
	1, 2, 19, 20, 21, 199, 200, 201, UF_WAIT_BUCKETS - 1, UF_WAIT_BUCKETS, UF_WAIT_BUCKETS + 1,
	1ul << 20,
};

static void range_pages_name(const unsigned long *pages, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%lu pages", *pages);
}

KUNIT_ARRAY_PARAM(range_pages, range_pages, range_pages_name);

/* The table has 4 waiters; @hint: the number of waiters passed to uf_waiters_wake() */
static void expect_borders(struct kunit *test, unsigned long pages, unsigned long hint)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter before, first, last, behind;

	add(table, &before, page_at(0));
	add(table, &first, page_at(1));
	add(table, &last, page_at(pages));
	add(table, &behind, page_at(pages + 1));
	uf_waiters_wake(table, page_at(1), pages * PAGE_SIZE, hint);
	KUNIT_EXPECT_EQ(test, before.state, UF_PENDING);
	KUNIT_EXPECT_EQ(test, first.state, UF_WOKEN);
	KUNIT_EXPECT_EQ(test, last.state, UF_WOKEN);
	KUNIT_EXPECT_EQ(test, behind.state, UF_PENDING);
	expect_count(test, table, 2, 2);
	uf_waiters_wake_all(table);
	expect_count(test, table, 0, 0);
}

static void range_is_woken_to_its_borders(struct kunit *test)
{
	const unsigned long pages = *(const unsigned long *)test->param_value;

	expect_borders(test, pages, 4);
	expect_borders(test, pages, 1000);
}

/* Whatever number of waiters the caller passes */
static void hint_changes_nothing(struct kunit *test)
{
	static const unsigned long hints[] = { 1, 4, 61, 1000, ULONG_MAX / 8 };
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter before, inside, behind;
	int i;

	add(table, &before, page_at(0));
	add(table, &behind, page_at(101));
	for (i = 0; i < ARRAY_SIZE(hints); i++) {
		add(table, &inside, page_at(50));
		uf_waiters_wake(table, page_at(1), 100 * PAGE_SIZE, hints[i]);
		KUNIT_EXPECT_EQ(test, inside.state, UF_WOKEN);
		expect_count(test, table, 2, 2);
	}
	uf_waiters_wake_all(table);
}

static void user_memory_is_woken_to_its_end(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter first, last;

	add(table, &first, 0);
	add(table, &last, TASK_SIZE_MAX - PAGE_SIZE);
	wake(table, last.page, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, last.state, UF_WOKEN);
	KUNIT_EXPECT_EQ(test, first.state, UF_PENDING);
	add(table, &last, TASK_SIZE_MAX - PAGE_SIZE);
	wake(table, 0, TASK_SIZE_MAX);
	KUNIT_EXPECT_EQ(test, last.state, UF_WOKEN);
	KUNIT_EXPECT_EQ(test, first.state, UF_WOKEN);
}

static void shuffle(unsigned long *numbers, unsigned long count)
{
	unsigned long i, other;

	for (i = 0; i < count; i++)
		numbers[i] = i;
	for (i = count - 1; i > 0; i--) {
		other = get_random_u32_below(i + 1);
		swap(numbers[i], numbers[other]);
	}
}

static void each_of_many_is_woken_by_itself(struct kunit *test)
{
	struct uf_wait_table *table = new_table(test);
	struct uf_waiter *waiters = kunit_kcalloc(test, MANY, sizeof(*waiters), GFP_KERNEL);
	unsigned long *order = kunit_kcalloc(test, MANY, sizeof(*order), GFP_KERNEL);
	struct uf_told told;
	unsigned long i;

	KUNIT_ASSERT_NOT_NULL(test, waiters);
	KUNIT_ASSERT_NOT_NULL(test, order);
	for (i = 0; i < MANY; i++)
		add(table, &waiters[i], page_at(i));
	for (i = 0; i < MANY / 2; i++)
		expect_told(test, table, &waiters[i], &told);
	expect_count(test, table, MANY / 2, MANY);
	shuffle(order, MANY);
	for (i = 0; i < MANY; i++) {
		KUNIT_ASSERT_NE(test, waiters[order[i]].state, UF_WOKEN);
		wake(table, waiters[order[i]].page, PAGE_SIZE);
		KUNIT_ASSERT_EQ(test, waiters[order[i]].state, UF_WOKEN);
	}
	expect_count(test, table, 0, 0);
}

/* A thread that leaves by itself, and how far it has got */
struct leaver {
	struct uf_wait_table *table;
	struct uf_waiter *waiter;
	bool waits, leaves, gone;
};

static int wait_and_leave(void *data)
{
	struct leaver *leaver = data;
	struct uf_waiter waiter;

	add(leaver->table, &waiter, page_at(0));
	leaver->waiter = &waiter;
	/* The test then reads leaver->waiter. */
	smp_store_release(&leaver->waits, true);
	while (!READ_ONCE(leaver->leaves))
		schedule_timeout_idle(1);
	uf_waiter_remove(leaver->table, &waiter);
	WRITE_ONCE(leaver->gone, true);
	while (!kthread_should_stop())
		schedule_timeout_idle(1);
	return 0;
}

static void thread_leaves_when_its_waker_is_done(struct kunit *test)
{
	struct leaver leaver = { .table = new_table(test) };
	struct task_struct *thread = kthread_run(wait_and_leave, &leaver, "uf_leaver");
	struct hlist_node *taken;

	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	/* Pairs with the release in wait_and_leave(). */
	while (!smp_load_acquire(&leaver.waits))
		schedule_timeout_idle(1);
	taken = uf_wait_bucket_take(leaver.table, uf_wait_bucket_of(page_at(0)), page_at(0),
				    page_at(0));
	KUNIT_EXPECT_PTR_EQ(test, taken, &leaver.waiter->node);
	KUNIT_EXPECT_NULL(test, taken->next);
	KUNIT_EXPECT_EQ(test, leaver.waiter->state, UF_TAKEN);
	expect_count(test, leaver.table, 0, 0);

	WRITE_ONCE(leaver.leaves, true);
	while (READ_ONCE(thread->__state) != TASK_UNINTERRUPTIBLE)
		schedule_timeout_idle(1);
	wake_up_process(thread);	/* a wake-up by another thread isn't enough */
	while (READ_ONCE(thread->__state) != TASK_UNINTERRUPTIBLE)
		schedule_timeout_idle(1);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(leaver.gone));

	uf_waiter_wake(leaver.waiter);
	while (!READ_ONCE(leaver.gone))
		schedule_timeout_idle(1);
	kthread_stop(thread);
}

static struct kunit_case waiters_tests[] = {
	KUNIT_CASE(new_table_is_empty),
	KUNIT_CASE(faults_are_told_in_their_order),
	KUNIT_CASE(untold_fault_is_told_next),
	KUNIT_CASE(oldest_waiters_are_seen),
	KUNIT_CASE(gone_waiter_is_not_untold),
	KUNIT_CASE(waiter_can_leave_in_any_state),
	KUNIT_CASE(woken_fault_is_not_told),
	KUNIT_CASE(all_waiters_of_a_page_are_woken),
	KUNIT_CASE(page_is_woken_alone_in_its_bucket),
	KUNIT_CASE_PARAM(range_is_woken_to_its_borders, range_pages_gen_params),
	KUNIT_CASE(hint_changes_nothing),
	KUNIT_CASE(user_memory_is_woken_to_its_end),
	KUNIT_CASE(each_of_many_is_woken_by_itself),
	KUNIT_CASE(thread_leaves_when_its_waker_is_done),
	{}
};

static struct kunit_suite waiters_suite = {
	.name		= "userfault_waiters",
	.test_cases	= waiters_tests,
};

kunit_test_suite(waiters_suite);
