// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the wait table under load: threads that wait for pages, others that wake pages,
 * read messages and count, all at once. waiters_test.c, of the same module, has the table's code.
 *
 * A page has a generation instead of content. A sleeper waits until the generation is another than
 * the one that it has seen; a waker raises the generation, wakes the page once, and then waits
 * until no sleeper waits for an older generation. So a lost wake-up isn't made good by the next
 * one: the waker runs into its time limit, and the test fails.
 */
#include <linux/userfault.h>

#include <kunit/test.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched/task.h>

#include "../waiters.h"

#define BASE		0x7f0000000000ul
#define SLEEPERS	12
#define WAKERS		3
#define READERS		2
#define THREADS		(SLEEPERS + WAKERS + READERS + 1)
/* Each waker has as many pages of its own. */
#define PAGES_EACH	4
#define PAGES		(WAKERS * PAGES_EACH)
#define ROUNDS		250
#define NOWHERE		PAGES
/* Far more than a woken thread takes to run, on the slowest machine. */
#define TIME_LIMIT	(60 * HZ)

struct worker {
	struct load *load;
	unsigned int number;		/* among those who do the same */
	struct task_struct *thread;
	/* What a sleeper waits for; its own thread writes it. */
	unsigned int page;		/* NOWHERE: it doesn't wait */
	unsigned int seen;		/* the generation; stored before page */
};

struct load {
	struct uf_wait_table table;
	unsigned int generation[PAGES];	/* the waker of the page writes it */
	struct worker workers[THREADS];	/* the sleepers come first */
	atomic_t sleepers;		/* that still run */
	atomic_t lost;			/* wake-ups */
	atomic_t wrong;			/* messages and counts */
	atomic_t slept, told;
};

static unsigned long address_of(unsigned int page)
{
	return BASE + page * PAGE_SIZE;
}

static void wait_for_the_end(void)
{
	while (!kthread_should_stop())
		schedule_timeout_idle(1);
}

/* One round in eight leaves without being woken, as a killed thread does. */
static void sleep_once(struct load *load, unsigned int page, unsigned int seen, bool leaves)
{
	struct uf_waiter waiter = {
		.page = address_of(page),
		.msg.event = UFFD_EVENT_PAGEFAULT,
		.msg.arg.pagefault.address = address_of(page),
	};

	uf_waiter_add(&load->table, &waiter);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		/* Pairs with the release in uf_waiter_wake(). */
		if (smp_load_acquire(&waiter.state) == UF_WOKEN || leaves ||
		    READ_ONCE(load->generation[page]) != seen)
			break;
		atomic_inc(&load->slept);
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	uf_waiter_remove(&load->table, &waiter);
}

static int sleep_often(void *data)
{
	struct worker *worker = data;
	struct load *load = worker->load;
	unsigned int round, page;

	for (round = 0; round < ROUNDS; round++) {
		page = get_random_u32_below(PAGES);
		WRITE_ONCE(worker->seen, READ_ONCE(load->generation[page]));
		/* Pairs with the acquire in is_waited_for(): @seen is there, then. */
		smp_store_release(&worker->page, page);
		sleep_once(load, page, worker->seen, round % 8 == 0);
		/* As above: what was done for the page is over. */
		smp_store_release(&worker->page, NOWHERE);
	}
	atomic_dec(&load->sleepers);
	wait_for_the_end();
	return 0;
}

static bool is_waited_for(const struct load *load, unsigned int page, unsigned int generation)
{
	int i;

	for (i = 0; i < SLEEPERS; i++)
		/* Pairs with the releases in sleep_often(). */
		if (smp_load_acquire(&load->workers[i].page) == page &&
		    READ_ONCE(load->workers[i].seen) != generation)
			return true;
	return false;
}

static void expect_all_woken(struct load *load, unsigned int page)
{
	const unsigned long limit = jiffies + TIME_LIMIT;

	while (is_waited_for(load, page, load->generation[page])) {
		if (time_after(jiffies, limit)) {
			atomic_inc(&load->lost);
			uf_waiters_wake_all(&load->table);	/* so that the test ends */
			return;
		}
		cond_resched();
	}
}

/* Wakes one page, or all @count pages from @first on, with a true or a wrong hint. */
static void wake_some(struct load *load, unsigned int first, unsigned int count)
{
	unsigned int hint = get_random_u32_below(2) ? SLEEPERS : 100 * get_random_u32_below(3);
	unsigned int page;

	for (page = first; page < first + count; page++)
		WRITE_ONCE(load->generation[page], load->generation[page] + 1);
	/* Pairs with set_current_state() in sleep_once(). */
	smp_mb();
	if (get_random_u32_below(16))
		uf_waiters_wake(&load->table, address_of(first), count * PAGE_SIZE, hint);
	else
		uf_waiters_wake_all(&load->table);
	for (page = first; page < first + count; page++)
		expect_all_woken(load, page);
}

static int wake_often(void *data)
{
	const struct worker *worker = data;
	struct load *load = worker->load;
	const unsigned int first = worker->number * PAGES_EACH;
	unsigned int which;

	while (atomic_read(&load->sleepers)) {
		which = get_random_u32_below(PAGES_EACH + 1);
		if (which < PAGES_EACH)
			wake_some(load, first + which, 1);
		else
			wake_some(load, first, PAGES_EACH);
		cond_resched();
	}
	wait_for_the_end();
	return 0;
}

static int read_often(void *data)
{
	struct load *load = ((const struct worker *)data)->load;
	unsigned int round;

	for (round = 0; atomic_read(&load->sleepers); round++) {
		struct uffd_msg msg = {};
		struct uf_told told;

		cond_resched();
		if (!uf_waiters_tell(&load->table, &msg, &told))
			continue;
		atomic_inc(&load->told);
		if (msg.event != UFFD_EVENT_PAGEFAULT || msg.arg.pagefault.address != told.page)
			atomic_inc(&load->wrong);
		if (round % 3 == 0)
			uf_waiters_untell(&load->table, &told);
	}
	wait_for_the_end();
	return 0;
}

static int count_often(void *data)
{
	struct load *load = ((const struct worker *)data)->load;
	struct uf_waiters_seen seen;

	while (atomic_read(&load->sleepers)) {
		uf_waiters_see(&load->table, &seen);
		if (seen.pending > seen.total)
			atomic_inc(&load->wrong);
		schedule_timeout_idle(1);
	}
	wait_for_the_end();
	return 0;
}

static const struct {
	int (*work)(void *worker);
	unsigned int count;
} crew[] = {
	{ sleep_often, SLEEPERS },
	{ wake_often, WAKERS },
	{ read_often, READERS },
	{ count_often, 1 },
};

/* Makes all threads; none runs yet. False: one could not be made. */
static bool make_threads(struct load *load)
{
	struct worker *worker = load->workers;
	unsigned int kind, number;

	for (kind = 0; kind < ARRAY_SIZE(crew); kind++) {
		for (number = 0; number < crew[kind].count; number++, worker++) {
			worker->load = load;
			worker->number = number;
			worker->page = NOWHERE;
			worker->thread = kthread_create(crew[kind].work, worker, "uf_load");
			if (IS_ERR(worker->thread))
				return false;
		}
	}
	return true;
}

static void run_threads(struct load *load)
{
	int i;

	for (i = 0; i < THREADS; i++)
		wake_up_process(load->workers[i].thread);
	while (atomic_read(&load->sleepers))
		schedule_timeout_idle(1);
}

/* Also ends threads that never ran. */
static void stop_threads(struct load *load)
{
	int i;

	for (i = 0; i < THREADS && !IS_ERR_OR_NULL(load->workers[i].thread); i++)
		kthread_stop(load->workers[i].thread);
}

static void no_wakeup_is_lost(struct kunit *test)
{
	struct load *load = kunit_kzalloc(test, sizeof(*load), GFP_KERNEL);
	struct uf_waiters_seen seen;
	bool made;

	KUNIT_ASSERT_NOT_NULL(test, load);
	uf_wait_table_init(&load->table);
	atomic_set(&load->sleepers, SLEEPERS);
	made = make_threads(load);
	if (made)
		run_threads(load);
	stop_threads(load);

	KUNIT_ASSERT_TRUE(test, made);
	KUNIT_EXPECT_EQ(test, atomic_read(&load->lost), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&load->wrong), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&load->slept), 0);
	KUNIT_EXPECT_GT(test, atomic_read(&load->told), 0);
	uf_waiters_see(&load->table, &seen);
	KUNIT_EXPECT_EQ(test, seen.total, 0);
	KUNIT_EXPECT_FALSE(test, uf_waiters_pending(&load->table));
	KUNIT_EXPECT_TRUE(test, bitmap_empty(load->table.occupied, UF_WAIT_BUCKETS));
}

static struct kunit_case waiters_load_tests[] = {
	KUNIT_CASE(no_wakeup_is_lost),
	{}
};

static struct kunit_suite waiters_load_suite = {
	.name		= "userfault_waiters_load",
	.test_cases	= waiters_load_tests,
};

kunit_test_suite(waiters_load_suite);
