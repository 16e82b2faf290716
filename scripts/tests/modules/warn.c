// SPDX-License-Identifier: GPL-2.0-only
/*
 * Warns while it is being loaded, and loads: the test runner has to notice.
 *
 *	# insmod warn.ko && rmmod warn
 *	WARNING: CPU: 0 PID: ... at warn.c:...
 */
#include <linux/bug.h>
#include <linux/module.h>

static int __init misbehave(void)
{
	WARN(1, "told to warn\n");
	return 0;
}
module_init(misbehave);

static void __exit unload(void)
{
}
module_exit(unload);

MODULE_DESCRIPTION("Warns, to prove that the test runner notices");
MODULE_LICENSE("GPL");
