// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a program in the child of an executor.
 *
 * A thread of its own makes each call, because a call may wait for another thread's call. The main
 * thread gives out one call after the other. It goes on when each thread has either come back or
 * waits for something that only a further call can bring. So everything happens in the same order
 * each time. The threads run before the main thread whenever they can, which makes that quick.
 */
#include "executor.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STACK	 65536
/* In milliseconds, of which the kernel may need several times as many. */
#define LONG	 100
#define TOO_LONG 10000

static uint8_t stacks[FUZZ_THREADS][STACK] __attribute__((aligned(64)));
static unsigned int step;

struct stage stage;
__thread struct worker *self;

/* Where a thread sleeps that only another call can wake, on native userfaultfd and on the module.
 */
static const char *const waits_in[] = {
	"handle_userfault", "userfaultfd_",   "dup_userfaultfd", "mremap_userfaultfd",
	"uf_fault_",	    "uf_event_await", "uf_msg_",
};

static void sleep_until_changed(uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void set_and_wake(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *serve_calls(void *argument)
{
	struct worker *worker = argument;

	self = worker;
	worker->id = syscall(SYS_gettid);
	begin_coverage(worker->number);
	for (uint32_t i = 0;; i++) {
		sleep_until_changed(&worker->asked, i);
		make_call(&stage.shared->program.calls[worker->index]);
		collect_coverage(worker->number);
		__atomic_store_n(&worker->done, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Makes all calls of one thread, without regard to the others. */
static void *make_own_calls(void *argument)
{
	const struct fuzz_program *program = &stage.shared->program;
	struct worker *worker = argument;
	unsigned int calls = 0;

	self = worker;
	worker->id = syscall(SYS_gettid);
	begin_coverage(worker->number);
	for (unsigned int round = 0; round < stage.shared->side_by_side; round++)
		for (unsigned int i = 0; i < program->count; i++) {
			if (program->calls[i].thread % FUZZ_THREADS != worker->number)
				continue;
			worker->index = i;
			make_call(&program->calls[i]);
			collect_coverage(worker->number);
			calls++;
		}
	__atomic_fetch_add(&stage.shared->transcript.calls, calls, __ATOMIC_RELAXED);
	__atomic_store_n(&worker->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void start(struct worker *worker, void *(*body)(void *))
{
	const struct sched_param before_others = {.sched_priority = 1};
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stacks[worker->number], STACK);
	if (body == serve_calls) {
		pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
		pthread_attr_setschedparam(&attributes, &before_others);
	}
	worker->id = -1;
	if (!pthread_create(&thread, &attributes, body, worker))
		return;
	/* Without that right it takes longer. */
	pthread_attr_setinheritsched(&attributes, PTHREAD_INHERIT_SCHED);
	if (pthread_create(&thread, &attributes, body, worker))
		_exit(6);
}

static bool is_done(const struct worker *worker)
{
	return __atomic_load_n(&worker->done, __ATOMIC_ACQUIRE) == worker->asked;
}

static void function_it_sleeps_in(struct worker *worker, char *name, size_t size)
{
	ssize_t length;

	if (worker->wchan < 0) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/task/%d/wchan", worker->id);
		worker->wchan = own(open(path, O_RDONLY | O_CLOEXEC));
	}
	length = pread(worker->wchan, name, size - 1, 0);
	name[length > 0 ? length : 0] = 0;
}

static bool waits_for_another_call(const char *function)
{
	for (size_t i = 0; i < sizeof(waits_in) / sizeof(waits_in[0]); i++)
		if (!strncmp(function, waits_in[i], strlen(waits_in[i])))
			return true;
	return false;
}

static void nap(void)
{
	struct timespec pause = {.tv_nsec = 1000000};

	nanosleep(&pause, NULL);
}

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

/* Whether it waits, or a child of its own may. */
static bool may_wait(struct worker *worker)
{
	char function[64] = "";

	if (worker->id > 0)
		function_it_sleeps_in(worker, function, sizeof(function));
	return waits_for_another_call(function) || !strcmp(function, "do_wait");
}

static bool any_may_wait(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		if (may_wait(&stage.workers[i]))
			return true;
	return false;
}

/*
 * Until the thread has come back or waits. If one waits, or a child may, a thread that sleeps
 * elsewhere for long waits too: for that child, or for a lock. If none does, the kernel takes its
 * time. A thread that runs in circles in the kernel waits as well.
 */
static void settle(struct worker *worker)
{
	const unsigned int patience = stage.shared->patience;
	const uint64_t began = milliseconds();
	char function[64], before[64] = "";
	unsigned int same = 0;

	while (!is_done(worker) && milliseconds() - began < TOO_LONG * patience) {
		if (same >= LONG * patience && any_may_wait())
			break;
		if (worker->id < 0) {
			sched_yield();
			continue;
		}
		function_it_sleeps_in(worker, function, sizeof(function));
		if (waits_for_another_call(function))
			break;
		same = strcmp(function, before) || function[0] == '0' ? 0 : same + 1;
		memcpy(before, function, sizeof(before));
		if (same)
			nap();
		else
			sched_yield();
	}
}

static void note(const struct fuzz_record *record)
{
	struct fuzz_transcript *transcript = &stage.shared->transcript;

	if (transcript->count == FUZZ_RECORDS)
		_exit(7);
	transcript->records[transcript->count] = *record;
	transcript->records[transcript->count++].step = step;
}

static void note_kind(enum fuzz_kind kind, unsigned int call)
{
	note(&(struct fuzz_record){.kind = kind, .call = call});
}

static void note_result(struct worker *worker, unsigned int kind)
{
	worker->told = true;
	worker->result.call = worker->index;
	if (worker->result.kind == FUZZ_RESULT)
		worker->result.kind = kind;
	note(&worker->result);
	for (unsigned int i = 0; i < worker->message_count; i++) {
		worker->messages[i].call = worker->index;
		note(&worker->messages[i]);
	}
}

static void ask(unsigned int index)
{
	const struct fuzz_call *call = &stage.shared->program.calls[index];
	struct worker *worker = &stage.workers[call->thread % FUZZ_THREADS];

	if (!is_done(worker)) {
		note_kind(FUZZ_BUSY, index);
		return;
	}
	if (!worker->id)
		start(worker, serve_calls);
	worker->index = index;
	worker->told = worker->waits = false;
	set_and_wake(&worker->asked, worker->asked + 1);
}

/* A thread's return may let another one go on: look again until nothing changes. */
static void note_changes(enum fuzz_kind kind)
{
	bool changed;

	do {
		changed = false;
		for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
			struct worker *worker = &stage.workers[i];

			if (!worker->id || worker->told)
				continue;
			settle(worker);
			if (is_done(worker)) {
				note_result(worker, kind);
				changed = true;
			}
		}
	} while (changed);
	for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
		struct worker *worker = &stage.workers[i];

		if (!worker->id || worker->told || worker->waits)
			continue;
		worker->waits = true;
		note_kind(FUZZ_WAITS, worker->index);
	}
}

static void close_all(void)
{
	syscall(SYS_close_range, 3, OWN_FDS - 1, 0);
}

static void note_stuck(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		if (stage.workers[i].id && !stage.workers[i].told)
			note_kind(FUZZ_STUCK, stage.workers[i].index);
}

static void run_in_turn(void)
{
	const unsigned int count = stage.shared->program.count;

	for (step = 0; step < count; step++) {
		ask(step);
		note_changes(FUZZ_RESULT);
	}
	note_state();
	close_all();
	note_changes(FUZZ_RELEASED);
	note_stuck();
	note_contents();
}

/* Whether it has made all of its own calls. */
static bool is_over(const struct worker *worker)
{
	return __atomic_load_n(&worker->done, __ATOMIC_ACQUIRE);
}

static bool all_over(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		if (!is_over(&stage.workers[i]))
			return false;
	return true;
}

static bool waits(struct worker *worker)
{
	char function[64] = "";

	if (worker->id > 0)
		function_it_sleeps_in(worker, function, sizeof(function));
	return waits_for_another_call(function);
}

/* Whether no thread goes on: some wait for a call that nobody makes any more. */
static bool all_wait(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		if (!is_over(&stage.workers[i]) && !waits(&stage.workers[i]))
			return false;
	return true;
}

/* Until all are done or wait, or have had their time. Returns how much of it they needed. */
static unsigned int let_run(unsigned int milliseconds)
{
	unsigned int passed = 0;

	do {
		nap();
	} while (++passed < milliseconds && !all_wait());
	return passed;
}

/*
 * Whether a thread waits in a call that keeps a context open, and may itself wait for that context:
 * for a fault, in a command or a read, in_context says which; or for the event of a fork, because the
 * child that is not there yet has a copy of the descriptor. Other calls that fault, such as mlock(),
 * have no descriptor.
 */
static bool keeps_context_open(struct worker *worker)
{
	const struct fuzz_call *call = &stage.shared->program.calls[worker->index];
	char function[64];

	function_it_sleeps_in(worker, function, sizeof(function));
	if (call->code == FUZZ_fork)
		return waits_for_another_call(function);
	return __atomic_load_n(&worker->in_context, __ATOMIC_ACQUIRE) && strstr(function, "fault");
}

static bool any_keeps_context_open(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		if (!is_over(&stage.workers[i]) && keeps_context_open(&stage.workers[i]))
			return true;
	return false;
}

/* While a context is open, a thread or its child may wait for it until it is killed. */
static bool any_stuck(void)
{
	const bool open = any_keeps_context_open();

	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		if (!is_over(&stage.workers[i]) && !(open && may_wait(&stage.workers[i])))
			return true;
	return false;
}

static void run_side_by_side(void)
{
	const unsigned int most = TOO_LONG * stage.shared->patience;
	unsigned int passed = 0;
	bool stuck = true;

	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		start(&stage.workers[i], make_own_calls);
	let_run(50);
	close_all();
	/* What was opened since then is closed too. */
	for (unsigned int i = 1; stuck && passed < most && !all_over(); i++) {
		passed += let_run(10);
		close_all();
		if (i % 10 == 0)
			stuck = any_stuck();
	}
	stage.shared->transcript.stuck = stuck && any_stuck();
}

static void set_stage(void)
{
	for (unsigned int i = 0; i < FUZZ_SLOTS; i++)
		stage.slots[i] = -1;
	for (unsigned int i = 0; i < FUZZ_THREADS; i++) {
		if (!stage.workers[i].id)
			stage.workers[i] = (struct worker){.number = i, .wchan = -1};
		stage.workers[i].told = true;
	}
	open_files();
}

/* Returns whether no thread is left in a call. */
static bool clear_stage(void)
{
	for (unsigned int i = 0; i < FUZZ_THREADS; i++)
		if (!is_done(&stage.workers[i]))
			return false;
	clear_arena();
	close_files();
	return true;
}

bool run_program(void)
{
	bool cleared = false;

	set_stage();
	begin_coverage(FUZZ_THREADS);
	if (stage.shared->side_by_side) {
		run_side_by_side();
	} else {
		run_in_turn();
		cleared = clear_stage();
	}
	collect_all_coverage();
	stage.shared->transcript.by_32_bits = sizeof(void *) == 4;
	stage.shared->transcript.complete = 1;
	return cleared;
}
