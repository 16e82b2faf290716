// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the queue of events. The test module includes event_queue.c a second time, so that
 * the tests run without the userfault module and can look inside the queue.
 */
#include "../event_queue.c"

#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>

#define THREADS		8
#define READERS		3
#define ROUNDS		200

static struct uf_event_queue *new_queue(struct kunit *test)
{
	struct uf_event_queue *queue = kunit_kzalloc(test, sizeof(*queue), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, queue);
	uf_event_queue_init(queue);
	return queue;
}

/* Stands in for uf_ctx_get(): @child points to a count of the references taken. */
static void hold(struct uf_ctx *child)
{
	(*(int *)child)++;
}

/* Queue an event of the running thread. The thread doesn't sleep, so waking it does no harm. */
static void push(struct uf_event_queue *queue, struct uf_event *event, u64 number)
{
	*event = (struct uf_event){ .msg.event = UFFD_EVENT_REMAP };
	event->msg.arg.remap.from = number;
	uf_event_push(queue, event);
}

static bool tell(struct uf_event_queue *queue, struct uf_event_telling *telling, u64 *number)
{
	struct uffd_msg msg = {};
	bool there = uf_event_tell(queue, &msg, telling, hold);

	*number = msg.arg.remap.from;
	return there;
}

static void expect_told(struct kunit *test, struct uf_event_queue *queue, u64 number)
{
	struct uf_event_telling telling;
	u64 seen;

	KUNIT_ASSERT_TRUE(test, tell(queue, &telling, &seen));
	KUNIT_EXPECT_EQ(test, seen, number);
	KUNIT_EXPECT_TRUE(test, uf_event_told(queue, &telling));
}

static void expect_empty(struct kunit *test, struct uf_event_queue *queue)
{
	struct uf_event_telling telling;
	u64 number;

	KUNIT_EXPECT_FALSE(test, uf_events_pending(queue));
	KUNIT_EXPECT_FALSE(test, tell(queue, &telling, &number));
	KUNIT_EXPECT_TRUE(test, list_empty(&queue->telling));
}

static void new_queue_is_empty(struct kunit *test)
{
	expect_empty(test, new_queue(test));
}

static void events_are_told_in_their_order(struct kunit *test)
{
	struct uf_event_queue *queue = new_queue(test);
	struct uf_event events[3];
	int i;

	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, uf_event_last(queue), i);
		push(queue, &events[i], i);
		KUNIT_EXPECT_EQ(test, events[i].state, UF_EVENT_PENDING);
		KUNIT_EXPECT_PTR_EQ(test, events[i].task, current);
	}
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, uf_events_pending(queue));
		expect_told(test, queue, i);
		KUNIT_EXPECT_EQ(test, events[i].state, UF_EVENT_TOLD);
		KUNIT_EXPECT_TRUE(test, uf_event_await(queue, &events[i]));
	}
	expect_empty(test, queue);
	KUNIT_EXPECT_EQ(test, uf_event_last(queue), 3);
}

static void untold_event_is_told_next(struct kunit *test)
{
	struct uf_event_queue *queue = new_queue(test);
	struct uf_event_telling telling;
	struct uf_event events[2];
	u64 number;

	push(queue, &events[0], 0);
	push(queue, &events[1], 1);
	KUNIT_ASSERT_TRUE(test, tell(queue, &telling, &number));
	KUNIT_EXPECT_EQ(test, events[0].state, UF_EVENT_TELLING);
	uf_event_untell(queue, &telling);
	KUNIT_EXPECT_EQ(test, events[0].state, UF_EVENT_PENDING);
	expect_told(test, queue, 0);
	expect_told(test, queue, 1);
	expect_empty(test, queue);
}

/* Two readers at once, which finish in the reverse order. */
static void events_are_told_side_by_side(struct kunit *test)
{
	struct uf_event_queue *queue = new_queue(test);
	struct uf_event_telling first, second;
	struct uf_event events[2];
	u64 number;

	push(queue, &events[0], 0);
	push(queue, &events[1], 1);
	KUNIT_ASSERT_TRUE(test, tell(queue, &first, &number));
	KUNIT_ASSERT_TRUE(test, tell(queue, &second, &number));
	KUNIT_EXPECT_EQ(test, number, 1);
	KUNIT_EXPECT_TRUE(test, uf_event_told(queue, &second));
	KUNIT_EXPECT_EQ(test, events[0].state, UF_EVENT_TELLING);
	KUNIT_EXPECT_EQ(test, events[1].state, UF_EVENT_TOLD);
	KUNIT_EXPECT_TRUE(test, uf_event_told(queue, &first));
	expect_empty(test, queue);
}

static void child_is_held_for_each_telling(struct kunit *test)
{
	struct uf_event_queue *queue = new_queue(test);
	struct uf_event_telling telling;
	struct uf_event event = {};
	int held = 0;
	u64 number;

	event.child = (struct uf_ctx *)&held;
	uf_event_push(queue, &event);
	KUNIT_EXPECT_EQ(test, held, 0);
	KUNIT_ASSERT_TRUE(test, tell(queue, &telling, &number));
	KUNIT_EXPECT_PTR_EQ(test, telling.child, event.child);
	KUNIT_EXPECT_EQ(test, held, 1);
	uf_event_untell(queue, &telling);
	KUNIT_EXPECT_EQ(test, held, 1);
	KUNIT_ASSERT_TRUE(test, tell(queue, &telling, &number));
	KUNIT_EXPECT_EQ(test, held, 2);
	KUNIT_EXPECT_TRUE(test, uf_event_told(queue, &telling));
}

static void closed_queue_lets_go_of_all(struct kunit *test)
{
	struct uf_event_queue *queue = new_queue(test);
	struct uf_event_telling telling;
	struct uf_event events[3];
	u64 number;

	push(queue, &events[0], 0);
	push(queue, &events[1], 1);
	KUNIT_ASSERT_TRUE(test, tell(queue, &telling, &number));
	uf_event_queue_close(queue);
	push(queue, &events[2], 2);	/* after the queue was closed */
	KUNIT_EXPECT_FALSE(test, uf_event_await(queue, &events[0]));
	KUNIT_EXPECT_FALSE(test, uf_event_await(queue, &events[1]));
	KUNIT_EXPECT_FALSE(test, uf_event_await(queue, &events[2]));
	KUNIT_EXPECT_FALSE(test, uf_event_told(queue, &telling));
	uf_event_untell(queue, &telling);
	expect_empty(test, queue);

	uf_event_queue_reopen(queue);
	push(queue, &events[0], 3);
	expect_told(test, queue, 3);
	KUNIT_EXPECT_TRUE(test, uf_event_await(queue, &events[0]));
}

/* A thread that waits until a reader has read its event. */
struct waiting {
	struct uf_event_queue *queue;
	struct uf_event event;
	bool told;
	bool over;
};

static int wait_for_reader(void *data)
{
	struct waiting *waiting = data;

	allow_signal(SIGKILL);
	push(waiting->queue, &waiting->event, 0);
	waiting->told = uf_event_await(waiting->queue, &waiting->event);
	flush_signals(current);
	/* The test then reads waiting->told. */
	smp_store_release(&waiting->over, true);
	while (!kthread_should_stop())
		schedule_timeout_idle(1);
	return 0;
}

static struct task_struct *start_waiting(struct kunit *test, struct waiting *waiting)
{
	struct task_struct *thread = kthread_run(wait_for_reader, waiting, "uf_waiting");

	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	while (!uf_events_pending(waiting->queue) ||
	       READ_ONCE(thread->__state) != TASK_KILLABLE)
		schedule_timeout_idle(1);
	return thread;
}

static void stop_waiting(struct waiting *waiting, struct task_struct *thread)
{
	/* Pairs with the release in wait_for_reader(). */
	while (!smp_load_acquire(&waiting->over))
		schedule_timeout_idle(1);
	kthread_stop(thread);
}

static void thread_waits_until_it_is_told(struct kunit *test)
{
	struct waiting waiting = { .queue = new_queue(test) };
	struct task_struct *thread = start_waiting(test, &waiting);
	struct uf_event_telling telling;
	u64 number;

	wake_up_process(thread);	/* a wake-up by another thread isn't enough */
	while (READ_ONCE(thread->__state) != TASK_KILLABLE)
		schedule_timeout_idle(1);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(waiting.over));

	KUNIT_ASSERT_TRUE(test, tell(waiting.queue, &telling, &number));
	KUNIT_EXPECT_TRUE(test, uf_event_told(waiting.queue, &telling));
	stop_waiting(&waiting, thread);
	KUNIT_EXPECT_TRUE(test, waiting.told);
	expect_empty(test, waiting.queue);
}

static void killed_thread_gives_up(struct kunit *test)
{
	struct waiting waiting = { .queue = new_queue(test) };
	struct task_struct *thread = start_waiting(test, &waiting);
	struct uf_event_telling telling;
	int held = 0;
	u64 number;

	waiting.event.child = (struct uf_ctx *)&held;
	KUNIT_ASSERT_TRUE(test, tell(waiting.queue, &telling, &number));
	send_sig(SIGKILL, thread, 1);
	stop_waiting(&waiting, thread);
	KUNIT_EXPECT_FALSE(test, waiting.told);
	KUNIT_EXPECT_FALSE(test, uf_event_told(waiting.queue, &telling));
	KUNIT_EXPECT_EQ(test, held, 1);
	expect_empty(test, waiting.queue);
}

/* Threads that queue events, and readers that put some back before they finish them. */
struct crowd {
	struct uf_event_queue queue;
	bool to_be_closed;		/* the threads go on until it is */
	atomic_t pushed;
	atomic_t told;			/* by the readers */
	atomic_t heard;			/* by the threads */
	atomic_t gave_up;		/* threads that were killed, or whose queue was closed */
	atomic_t running;
};

/* A killed thread goes on with the next event: it is no process that could end. */
static int tell_many(void *data)
{
	struct crowd *crowd = data;
	struct uf_event event;
	int i;

	allow_signal(SIGKILL);
	for (i = 0; i < ROUNDS || (crowd->to_be_closed && !atomic_read(&crowd->gave_up)); i++) {
		atomic_inc(&crowd->pushed);
		push(&crowd->queue, &event, i);
		atomic_inc(uf_event_await(&crowd->queue, &event) ? &crowd->heard :
								   &crowd->gave_up);
		flush_signals(current);
	}
	atomic_dec(&crowd->running);
	while (!kthread_should_stop())
		schedule_timeout_idle(1);
	return 0;
}

static int read_many(void *data)
{
	struct crowd *crowd = data;
	struct uf_event_telling telling;
	unsigned int n = 0;
	u64 number;

	while (!kthread_should_stop()) {
		cond_resched();
		if (!tell(&crowd->queue, &telling, &number))
			continue;
		if (n++ % 3 == 0)
			uf_event_untell(&crowd->queue, &telling);
		else if (uf_event_told(&crowd->queue, &telling))
			atomic_inc(&crowd->told);
	}
	return 0;
}

/* All are made before the first one runs: then none is left running if one can't be made. */
static int make_crowd(struct crowd *crowd, struct task_struct **threads)
{
	int i;

	for (i = 0; i < THREADS + READERS; i++) {
		threads[i] = kthread_create(i < THREADS ? tell_many : read_many, crowd, "uf_crowd");
		if (!IS_ERR(threads[i]))
			continue;
		while (i--)
			kthread_stop(threads[i]);
		return -ENOMEM;
	}
	return 0;
}

static void start_crowd(struct kunit *test, struct crowd *crowd, struct task_struct **threads)
{
	int i;

	uf_event_queue_init(&crowd->queue);
	atomic_set(&crowd->running, THREADS);
	KUNIT_ASSERT_EQ(test, make_crowd(crowd, threads), 0);
	for (i = 0; i < THREADS + READERS; i++)
		wake_up_process(threads[i]);
}

/* Each event was told and heard, or neither. */
static void expect_one_verdict(struct kunit *test, struct crowd *crowd,
			       struct task_struct **threads)
{
	int i;

	while (atomic_read(&crowd->running))
		schedule_timeout_idle(1);
	for (i = 0; i < THREADS + READERS; i++)
		kthread_stop(threads[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->told), atomic_read(&crowd->heard));
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->heard) + atomic_read(&crowd->gave_up),
			atomic_read(&crowd->pushed));
	expect_empty(test, &crowd->queue);
}

static void each_of_many_is_told_once(struct kunit *test)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);
	struct task_struct *threads[THREADS + READERS];

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	start_crowd(test, crowd, threads);
	expect_one_verdict(test, crowd, threads);
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->gave_up), 0);
}

static void kill_until_they_are_done(struct crowd *crowd, struct task_struct **threads)
{
	unsigned int n = 0;

	while (atomic_read(&crowd->running)) {
		send_sig(SIGKILL, threads[n++ % THREADS], 1);
		cond_resched();
	}
}

static void killed_threads_and_readers_agree(struct kunit *test)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);
	struct task_struct *threads[THREADS + READERS];

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	start_crowd(test, crowd, threads);
	kill_until_they_are_done(crowd, threads);
	expect_one_verdict(test, crowd, threads);
	KUNIT_EXPECT_GT(test, atomic_read(&crowd->gave_up), 0);
}

static void closing_under_load_lets_go_of_all(struct kunit *test)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);
	struct task_struct *threads[THREADS + READERS];

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	crowd->to_be_closed = true;
	start_crowd(test, crowd, threads);
	while (atomic_read(&crowd->told) < THREADS)
		cond_resched();
	uf_event_queue_close(&crowd->queue);
	expect_one_verdict(test, crowd, threads);
	KUNIT_EXPECT_GT(test, atomic_read(&crowd->gave_up), 0);
}

static struct kunit_case event_queue_tests[] = {
	KUNIT_CASE(new_queue_is_empty),
	KUNIT_CASE(events_are_told_in_their_order),
	KUNIT_CASE(untold_event_is_told_next),
	KUNIT_CASE(events_are_told_side_by_side),
	KUNIT_CASE(child_is_held_for_each_telling),
	KUNIT_CASE(closed_queue_lets_go_of_all),
	KUNIT_CASE(thread_waits_until_it_is_told),
	KUNIT_CASE(killed_thread_gives_up),
	KUNIT_CASE(each_of_many_is_told_once),
	KUNIT_CASE(killed_threads_and_readers_agree),
	KUNIT_CASE(closing_under_load_lets_go_of_all),
	{}
};

static struct kunit_suite event_queue_suite = {
	.name		= "userfault_event_queue",
	.test_cases	= event_queue_tests,
};

kunit_test_suite(event_queue_suite);
