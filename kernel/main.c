// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfault: a complete userfaultfd as a module.
 *
 *	# insmod userfault.ko
 *	# ls -l /dev/userfault
 *	crw------- 1 root root 10, 122 ... /dev/userfault
 *
 * A program gets a context with ioctl(open("/dev/userfault"), USERFAULTFD_IOC_NEW, flags), and
 * from then on speaks the protocol of userfaultfd(2). The module can be unloaded when no context
 * is left.
 *
 * A fault goes through hooks.c, fault.c, waiters.c, msg.c and file.c. Its resolution goes through
 * ioctl.c, then fill.c, move.c or protect.c, then waiters.c. An event goes through hooks.c,
 * event.c, event_queue.c, msg.c and file.c.
 */
#include <linux/userfault.h>

#include <linux/miscdevice.h>
#include <linux/module.h>

#include "compat/compat.h"
#include "ctx.h"
#include "file.h"
#include "hooks.h"
#include "ioctl.h"
#include "nl.h"
#include "compat/ksyms.h"

static long uf_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd != USERFAULTFD_IOC_NEW)
		return -EINVAL;
	return uf_file_create(arg);
}

static const struct file_operations uf_dev_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= uf_dev_ioctl,
	.compat_ioctl	= uf_dev_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice uf_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "userfault",
	.mode	= 0600,
	.fops	= &uf_dev_fops,
};

static int __init uf_init(void)
{
	int err;

	err = uf_ioctl_table_check();
	if (err)
		return err;
	err = uf_ksyms_find();
	if (err)
		return err;
	err = uf_compat_rmap_init();
	if (err)
		return err;
	err = uf_ctx_cache_create();
	if (err)
		goto exit_rmap;
	err = uf_hooks_init();
	if (err)
		goto destroy_cache;
	err = uf_nl_init();
	if (err)
		goto exit_hooks;
	err = misc_register(&uf_dev);
	if (err)
		goto exit_netlink;
	uf_nl_begin();
	return 0;

exit_netlink:
	uf_nl_exit();
exit_hooks:
	uf_hooks_exit();
destroy_cache:
	uf_ctx_cache_destroy();
exit_rmap:
	uf_compat_rmap_exit();
	return err;
}

static void __exit uf_exit(void)
{
	misc_deregister(&uf_dev);
	uf_nl_exit();
	uf_hooks_exit();
	uf_ctx_cache_destroy();
	uf_compat_rmap_exit();
}

module_init(uf_init);
module_exit(uf_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A complete userfaultfd, behind /dev/userfault");
