// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions taken over: mm's side of userfaultfd.
 *
 * Overview
 *
 * Each row of the table is a function of <linux/userfaultfd_k.h> that mm calls for a VMA armed with
 * VM_UFFD_*. ftrace calls uf_hook_divert() at its entry, which looks at the VMA. One of ours: the
 * function in the table runs in place of the kernel's. Any other: nothing happens, and the kernel's
 * function runs as if nobody had been there. So a native fault that sleeps for hours has no frame of
 * ours on its stack, the module calls no original, and none can call itself.
 *
 * What isn't here: what mm does only after an event that we don't offer yet (userfaultfd_unmap_prep()
 * and the *_complete() and *_fail() functions) or for write-protected memory. For a context of ours
 * the kernel's functions read the features, which don't ask for it, and do nothing.
 *
 * Locking and lifetime
 *
 * The callback runs in the context of the caller, who keeps the VMA from changing, and with it the
 * context (see uf_ctx_release()). Being in the ftrace path it must call nothing that can be traced.
 *
 * A task in module text has a context that pins the module, except for a few instructions before it
 * takes its reference and after it has dropped it, where it doesn't sleep. Detaching waits for those with
 * synchronize_rcu_tasks(): a task that has slept or been to user space since has left them.
 *
 * FTRACE_OPS_FL_PERMANENT: kernel.ftrace_enabled=0 must not pull the functions from under live contexts.
 */
#include <linux/userfault.h>

#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "ctx.h"
#include "fault.h"
#include "hooks.h"
#include "ksyms.h"
#include "region.h"

/* The child's VMA is a copy; without UFFD_FEATURE_EVENT_FORK it is an ordinary one. */
static int uf_hook_fork(struct vm_area_struct *vma, struct list_head *forks)
{
	uf_region_forget(vma);
	return 0;
}

/* So is where mremap() moved it, without UFFD_FEATURE_EVENT_REMAP. */
static void uf_hook_mremap(struct vm_area_struct *vma, struct vm_userfaultfd_ctx *moved)
{
	uf_region_forget(vma);
}

/* Go ahead and remove the pages; nobody asked for UFFD_FEATURE_EVENT_REMOVE. */
static bool uf_hook_remove(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	return true;
}

enum uf_hook_argument {
	UF_HOOK_VMA,
	UF_HOOK_FAULT,
};

static struct uf_hook {
	const char *name;
	enum uf_hook_argument argument;	/* what the function's first argument is */
	void *function;
	struct ftrace_ops ops;
} uf_hooks[] = {
	{ .name = "handle_userfault", .argument = UF_HOOK_FAULT, .function = uf_fault_handle },
	{ .name = "dup_userfaultfd", .argument = UF_HOOK_VMA, .function = uf_hook_fork },
	{ .name = "mremap_userfaultfd_prep", .argument = UF_HOOK_VMA, .function = uf_hook_mremap },
	{ .name = "userfaultfd_remove", .argument = UF_HOOK_VMA, .function = uf_hook_remove },
};

static void notrace uf_hook_divert(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct uf_hook *hook = container_of(ops, struct uf_hook, ops);
	void *argument = (void *)ftrace_regs_get_argument(fregs, 0);
	struct vm_area_struct *vma;

	vma = hook->argument == UF_HOOK_FAULT ? ((struct vm_fault *)argument)->vma : argument;
	if (uf_ctx_of(vma))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)hook->function);
}

static int uf_hook_attach(struct uf_hook *hook)
{
	unsigned long addr;
	int err;

	addr = uf_ksyms_lookup(hook->name);
	if (!addr) {
		pr_err("this kernel has no %s(): was it built without CONFIG_USERFAULTFD?\n",
		       hook->name);
		return -ENOENT;
	}

	hook->ops.func = uf_hook_divert;
	hook->ops.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
	err = ftrace_set_filter_ip(&hook->ops, addr, 0, 0);
	if (err) {
		pr_err("ftrace can't trace %s() (%d)\n", hook->name, err);
		return -ENOENT;
	}

	err = register_ftrace_function(&hook->ops);
	if (err) {
		pr_err("can't take over %s() (%d): %s\n", hook->name, err,
		       err == -EBUSY ?
		       "a livepatch has it, or kernel.ftrace_enabled is 0" : "ftrace failed");
		ftrace_set_filter_ip(&hook->ops, addr, 1, 0);
	}
	return err;
}

static void uf_hook_detach(struct uf_hook *hook)
{
	int err = unregister_ftrace_function(&hook->ops);

	WARN(err, "can't give %s() back (%d)\n", hook->name, err);
	ftrace_free_filter(&hook->ops);
}

static void uf_hooks_detach_first(int n)
{
	while (n--)
		uf_hook_detach(&uf_hooks[n]);
	synchronize_rcu_tasks();
}

int uf_hooks_attach(void)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(uf_hooks); i++) {
		err = uf_hook_attach(&uf_hooks[i]);
		if (err) {
			uf_hooks_detach_first(i);
			return err;
		}
	}
	return 0;
}

void uf_hooks_detach(void)
{
	uf_hooks_detach_first(ARRAY_SIZE(uf_hooks));
}
