// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps a processor for itself while it is being loaded: the test runner has to
 * notice.
 *
 *	# insmod lockup.ko
 *	watchdog: BUG: soft lockup - CPU#0 stuck for ...
 */
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/processor.h>

static int __init misbehave(void)
{
	preempt_disable();
	for (;;)
		cpu_relax();
	return 0;
}
module_init(misbehave);

static void __exit unload(void)
{
}
module_exit(unload);

MODULE_DESCRIPTION("Locks up a processor, to prove that the test runner notices");
MODULE_LICENSE("GPL");
