// SPDX-License-Identifier: GPL-2.0-only
/*
 * Crashes the kernel while it is being loaded: the test runner has to notice.
 *
 *	# insmod oops.ko
 *	BUG: kernel NULL pointer dereference, address: 0000000000000000
 */
#include <linux/module.h>

static int *nowhere;

static int __init misbehave(void)
{
	return READ_ONCE(*READ_ONCE(nowhere));
}
module_init(misbehave);

static void __exit unload(void)
{
}
module_exit(unload);

MODULE_DESCRIPTION("Crashes the kernel, to prove that the test runner notices");
MODULE_LICENSE("GPL");
