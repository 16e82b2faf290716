/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef RUNNER_RACE_H
#define RUNNER_RACE_H

/*
 * A module whose two threads write to the same word without a lock. KCSAN names the module with the
 * functions that race: the test runner has to notice if it is one of ours, and only then.
 *
 *	BUG: KCSAN: data-race in contend [userfault_race] / contend [userfault_race]
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

/* The compiler leaves out what nobody can read. */
static unsigned long contended;
module_param(contended, ulong, 0444);
static DECLARE_COMPLETION(other_is_done);

/* KCSAN watches one access in some thousands, for some microseconds. A report has this name. */
static noinline __noclone int contend(void *unused)
{
	const unsigned long end = jiffies + 2 * HZ;

	while (time_before(jiffies, end)) {
		contended++;
		barrier();	/* it is written each time */
		cond_resched();
	}
	return 0;
}

static int contend_and_complete(void *unused)
{
	contend(NULL);
	kthread_complete_and_exit(&other_is_done, 0);
}

static int __init misbehave(void)
{
	struct task_struct *other = kthread_run(contend_and_complete, NULL, "race");

	if (IS_ERR(other))
		return PTR_ERR(other);
	contend(NULL);
	wait_for_completion(&other_is_done);
	return 0;
}
module_init(misbehave);

static void __exit unload(void)
{
}
module_exit(unload);

MODULE_DESCRIPTION("Has a data race, to prove that the test runner notices");
MODULE_LICENSE("GPL");

#endif
