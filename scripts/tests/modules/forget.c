// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocates a few objects while it is being loaded and forgets them: if the kernel
 * has kmemleak, the test runner has to notice. There are several, because kmemleak
 * might still find the address of one on a stack.
 *
 *	# insmod forget.ko && echo scan >/sys/kernel/debug/kmemleak
 */
#include <linux/module.h>
#include <linux/slab.h>

#define OBJECTS 8
#define OBJECT_BYTES 100

static int __init misbehave(void)
{
	int i;

	for (i = 0; i < OBJECTS; i++)
		if (!kmalloc(OBJECT_BYTES, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}
module_init(misbehave);

static void __exit unload(void)
{
}
module_exit(unload);

MODULE_DESCRIPTION("Forgets objects, to prove that the test runner notices");
MODULE_LICENSE("GPL");
