// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds one of mm's functions as a livepatch would, changing nothing: userfault
 * can't be loaded beside it, and has to say so.
 *
 *	# insmod holder.ko && insmod userfault.ko; rmmod holder
 */
#include <linux/ftrace.h>
#include <linux/module.h>

static char held[] = "userfaultfd_remove";

static void notrace hold(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			 struct ftrace_regs *fregs)
{
}

static struct ftrace_ops holder_ops = {
	.func	= hold,
	.flags	= FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};

static int __init attach(void)
{
	int err = ftrace_set_filter(&holder_ops, held, sizeof(held) - 1, 1);

	if (err)
		return err;
	err = register_ftrace_function(&holder_ops);
	if (err)
		ftrace_free_filter(&holder_ops);
	return err;
}
module_init(attach);

static void __exit detach(void)
{
	unregister_ftrace_function(&holder_ops);
	ftrace_free_filter(&holder_ops);
}
module_exit(detach);

MODULE_DESCRIPTION("Holds a function that userfault needs, to prove that its loading fails cleanly");
MODULE_LICENSE("GPL");
