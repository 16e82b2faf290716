// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocates 64 MiB while it is being loaded and never frees them: the test runner
 * has to notice.
 *
 *	# insmod leak.ko && rmmod leak
 */
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/sizes.h>

#define BLOCK_ORDER 4
#define LEAKED_BYTES SZ_64M

static int __init misbehave(void)
{
	unsigned long taken;

	for (taken = 0; taken < LEAKED_BYTES; taken += PAGE_SIZE << BLOCK_ORDER)
		if (!__get_free_pages(GFP_KERNEL, BLOCK_ORDER))
			return -ENOMEM;
	return 0;
}
module_init(misbehave);

static void __exit unload(void)
{
}
module_exit(unload);

MODULE_DESCRIPTION("Leaks 64 MiB, to prove that the test runner notices");
MODULE_LICENSE("GPL");
