// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions taken over: mm's side of userfaultfd.
 *
 * Overview
 *
 * Each row of the table is a function of <linux/userfaultfd_k.h>. mm calls the first for faults in VMAs
 * armed with VM_UFFD_*, the others for every VMA that is copied, moved or thinned out. ftrace calls
 * uf_hook_divert() at its entry, which looks at the VMA. One of ours: the function in the table runs in
 * place of the kernel's. Any other: nothing happens, and the kernel's function runs as if nobody had
 * been there. So a native fault that sleeps for hours has no frame of ours on its stack, the module calls
 * no original, and none can call itself.
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
 * A task in module text on mm's account is in uf_fault_handle(), and then has a context that pins the
 * module, except for a few instructions before it takes its reference and after it has dropped it, where
 * it doesn't sleep: detaching waits for those, see uf_hooks_detach(). Or it is in another function of the
 * table, which may sleep, with the mmap lock held for writing and a VMA of ours there (a copy of one,
 * perhaps): no context can be released meanwhile.
 *
 * FTRACE_OPS_FL_PERMANENT: kernel.ftrace_enabled=0 must not pull the functions from under live contexts.
 */
#include <linux/userfault.h>

#include <linux/cache.h>
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/sched.h>

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

/* The one that runs most comes first. */
static struct uf_hook {
	const char *name;
	enum uf_hook_argument argument;	/* what the function's first argument is */
	void *function;
	unsigned long location;		/* where ftrace is called */
} uf_hooks[] __ro_after_init = {
	{ .name = "handle_userfault", .argument = UF_HOOK_FAULT, .function = uf_fault_handle },
	{ .name = "dup_userfaultfd", .argument = UF_HOOK_VMA, .function = uf_hook_fork },
	{ .name = "mremap_userfaultfd_prep", .argument = UF_HOOK_VMA, .function = uf_hook_mremap },
	{ .name = "userfaultfd_remove", .argument = UF_HOOK_VMA, .function = uf_hook_remove },
};

static __always_inline bool uf_hook_is_ours(const struct uf_hook *hook, void *argument)
{
	struct vm_area_struct *vma = argument;

	if (hook->argument == UF_HOOK_FAULT)
		vma = ((struct vm_fault *)argument)->vma;
	return uf_ctx_of(vma);
}

static void notrace uf_hook_divert(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	void *argument = (void *)ftrace_regs_get_argument(fregs, 0);
	int i;

	for (i = 0; i < ARRAY_SIZE(uf_hooks); i++) {
		const struct uf_hook *hook = &uf_hooks[i];

		if (hook->location != ip)
			continue;
		if (uf_hook_is_ours(hook, argument))
			ftrace_regs_set_instruction_pointer(fregs, (unsigned long)hook->function);
		return;
	}
}

/* One for all the functions, so that they are attached, and waited for, together. */
static struct ftrace_ops uf_hook_ops = {
	.func	= uf_hook_divert,
	.flags	= FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

static int uf_hook_locate(struct uf_hook *hook)
{
	unsigned long addr = uf_ksyms_lookup(hook->name);

	if (!addr) {
		pr_err("this kernel has no %s(): was it built without CONFIG_USERFAULTFD?\n",
		       hook->name);
		return -ENOENT;
	}
	hook->location = uf_ksym(ftrace_location)(addr);
	if (!hook->location) {
		pr_err("ftrace can't trace %s()\n", hook->name);
		return -ENOENT;
	}
	return 0;
}

/*
 * It fails only after ftrace has found itself broken and stopped. Then mm goes on calling the callback,
 * whose text must stay: the unloading, or the failed load, never ends.
 */
static void uf_hooks_unregister(void)
{
	int err = unregister_ftrace_function(&uf_hook_ops);

	if (WARN(err, "can't give mm its functions back (%d); the module stays until a reboot\n", err))
		for (;;)
			schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
}

/* Whether @hook's function can be taken alone. */
static bool uf_hook_try(const struct uf_hook *hook)
{
	if (ftrace_set_filter_ip(&uf_hook_ops, hook->location, 0, 1) ||
	    register_ftrace_function(&uf_hook_ops))
		return false;
	uf_hooks_unregister();
	return true;
}

/* They can't be had all: say which, or that none can. */
static void uf_hooks_blame(int err)
{
	unsigned long taken = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(uf_hooks); i++)
		__assign_bit(i, &taken, uf_hook_try(&uf_hooks[i]));
	pr_err("ftrace can't take over mm's functions (%d)%s\n", err,
	       taken ? "" : ": is kernel.ftrace_enabled 0?");
	for (i = 0; taken && i < ARRAY_SIZE(uf_hooks); i++)
		if (!test_bit(i, &taken))
			pr_err("somebody else, a livepatch say, has %s()\n", uf_hooks[i].name);
}

int uf_hooks_attach(void)
{
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(uf_hooks) && !err; i++)
		err = uf_hook_locate(&uf_hooks[i]);
	if (err)
		return err;

	for (i = 0; i < ARRAY_SIZE(uf_hooks) && !err; i++)
		err = ftrace_set_filter_ip(&uf_hook_ops, uf_hooks[i].location, 0, 0);
	err = err ?: register_ftrace_function(&uf_hook_ops);
	if (err) {
		uf_hooks_blame(err);
		ftrace_free_filter(&uf_hook_ops);
	}
	return err;
}

/*
 * Where the kernel can be preempted, unregistering waits with synchronize_rcu_tasks(), because of the
 * trampoline; where it can't, until each processor has scheduled. Either is what we need ourselves.
 */
void uf_hooks_detach(void)
{
	uf_hooks_unregister();
	ftrace_free_filter(&uf_hook_ops);
}
