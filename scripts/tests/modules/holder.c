// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks one of mm's functions the way a livepatch does, and changes nothing:
 * userfault can't be loaded beside it, and has to say so.
 *
 *	# insmod holder.ko && insmod userfault.ko; rmmod holder
 *
 * With direct=1 it hooks the function the way a BPF program does that is attached
 * to the function's entry: userfault has to work beside it.
 */
#include <asm/ibt.h>
#include <linux/ftrace.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/version.h>

static bool direct;
module_param(direct, bool, 0);

static char held[] = "userfaultfd_remove";

static void notrace hold(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			 struct ftrace_regs *fregs)
{
}

static struct ftrace_ops holder_ops = {
	.func	= hold,
	.flags	= FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};

/* The target of the direct call. */
void hold_directly(void);
asm("	.pushsection .text, \"ax\", @progbits\n"
	"	.type hold_directly, @function\n"
	"hold_directly:\n"
	ASM_ENDBR
	ASM_RET
	"	.size hold_directly, . - hold_directly\n"
	"	.popsection\n");

static struct ftrace_ops direct_ops;

static int attach_directly(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return register_ftrace_direct(&direct_ops, (unsigned long)hold_directly);
#else
	return register_ftrace_direct_multi(&direct_ops, (unsigned long)hold_directly);
#endif
}

static void detach_directly(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	unregister_ftrace_direct(&direct_ops, (unsigned long)hold_directly, false);
#else
	unregister_ftrace_direct_multi(&direct_ops, (unsigned long)hold_directly);
#endif
}

/* Beside IPMODIFY ops, BPF's trampoline has to return differently; ours always just returns. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
static int share(struct ftrace_ops *ops, unsigned long ip, enum ftrace_ops_cmd cmd)
#else
static int share(struct ftrace_ops *ops, enum ftrace_ops_cmd cmd)
#endif
{
	return 0;
}

static struct ftrace_ops *ops(void)
{
	return direct ? &direct_ops : &holder_ops;
}

static int __init attach(void)
{
	int err = ftrace_set_filter(ops(), held, sizeof(held) - 1, 1);

	if (err)
		return err;
	direct_ops.ops_func = share;
	err = direct ? attach_directly() : register_ftrace_function(&holder_ops);
	if (err)
		ftrace_free_filter(ops());
	return err;
}
module_init(attach);

static void __exit detach(void)
{
	if (direct)
		detach_directly();
	else
		unregister_ftrace_function(&holder_ops);
	ftrace_free_filter(ops());
}
module_exit(detach);

MODULE_DESCRIPTION("Holds a function that userfault needs, to prove that its loading fails cleanly");
MODULE_LICENSE("GPL");
