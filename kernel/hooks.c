// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions taken over: mm's side of userfaultfd.
 *
 * Overview
 *
 * Each row of the table is a function of <linux/userfaultfd_k.h>. mm calls the first for faults in
 * VMAs armed with VM_UFFD_*, the others for every VMA that is copied, moved, thinned out or
 * unmapped. ftrace calls uf_hook_divert() at its entry, which looks at the argument that says whom
 * the call is for. If that is, or leads to, a context of ours, the function in the table runs in
 * place of the kernel's. Else nothing happens, and the kernel's function runs as if nobody had been
 * there: a native fault that sleeps for hours has no frame of ours on its stack.
 *
 * Only a call that is for several contexts, a list of events, may be for native ones as well. Our
 * function calls the kernel's for those, with nothing of ours left in the argument, so that it
 * isn't diverted again.
 *
 * What isn't here: what only asks a context for its features (userfaultfd_wp_async(),
 * userfaultfd_rwp_async(), userfaultfd_wp_unpopulated()). For a context of ours the kernel's
 * functions read them in the view, where they are true.
 *
 * Locking and lifetime
 *
 * The callback runs in the context of the caller, who keeps the VMA from changing, and with it the
 * context (see uf_ctx_release()); a list, or what mremap() keeps, holds its contexts itself. Being
 * in the ftrace path the callback must call nothing that can be traced.
 *
 * A task in module text on mm's account that may sleep has a context there, which pins the module:
 * one that it holds a reference to; or one of a VMA (a copy of one, perhaps) with the mmap lock
 * held for writing, so that it can't be released. Except for a few instructions before it takes its
 * reference and after it has dropped it, where it doesn't sleep: detaching waits for those, see
 * uf_hooks_detach(). What one kernel needs beyond that is in compat/unmap.h.
 *
 * FTRACE_OPS_FL_PERMANENT: kernel.ftrace_enabled=0 must not pull the functions from under live
 * contexts.
 */
#include <linux/userfault.h>

#include <linux/cache.h>
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "compat/event_lists.h"
#include "compat/hooks.h"
#include "ctx.h"
#include "event.h"
#include "fault.h"
#include "hooks.h"
#include "ksyms.h"

/* The argument that says whom the call is for. */
enum uf_hook_argument {
	UF_HOOK_VMA,		/* the first, a VMA */
	UF_HOOK_FAULT,		/* the first, a struct vm_fault */
	UF_HOOK_MOVED,		/* the first, a struct vm_userfaultfd_ctx that mremap() keeps */
	UF_HOOK_FORKS,		/* the first, a list of struct uf_fork_entry */
	UF_HOOK_UNMAPS,		/* the second, a list of struct uf_unmap_entry */
	UF_HOOK_MM,		/* the first, an mm that may have VMAs of ours */
};

#define UF_HOOK_ROW(hooked, whom, ours) \
	{ .name = #hooked, .argument = (whom), .function = (ours) },

/* The one that runs most comes first. */
static struct uf_hook {
	const char *name;
	enum uf_hook_argument argument;
	void *function;
	unsigned long location;		/* where ftrace is called */
} uf_hooks[] __ro_after_init = {
	UF_HOOK_ROW(handle_userfault, UF_HOOK_FAULT, uf_fault_handle)
	UF_HOOK_ROW(dup_userfaultfd, UF_HOOK_VMA, uf_event_fork)
	UF_HOOK_ROW(dup_userfaultfd_complete, UF_HOOK_FORKS, uf_event_fork_complete)
	UF_HOOK_ROW(mremap_userfaultfd_prep, UF_HOOK_VMA, uf_event_mremap)
	UF_HOOK_ROW(mremap_userfaultfd_complete, UF_HOOK_MOVED, uf_event_mremap_complete)
	UF_HOOK_ROW(userfaultfd_remove, UF_HOOK_VMA, uf_event_remove)
	UF_HOOK_ROW(userfaultfd_unmap_complete, UF_HOOK_UNMAPS, uf_event_unmap_complete)
	UF_COMPAT_HOOKS(UF_HOOK_ROW)
};

static __always_inline bool uf_hook_forks_ours(struct list_head *forks)
{
	struct uf_fork_entry *entry;

	list_for_each_entry(entry, forks, list)
		if (uf_ctx_from_view(entry->orig))
			return true;
	return false;
}

static __always_inline bool uf_hook_unmaps_ours(struct list_head *unmaps)
{
	struct uf_unmap_entry *entry;

	list_for_each_entry(entry, unmaps, list)
		if (uf_ctx_from_view(entry->ctx))
			return true;
	return false;
}

static __always_inline bool uf_hook_is_ours(const struct uf_hook *hook, struct ftrace_regs *fregs,
					    unsigned long caller)
{
	void *first = (void *)ftrace_regs_get_argument(fregs, 0);

	switch (hook->argument) {
	case UF_HOOK_VMA:
		return uf_ctx_of(first);
	case UF_HOOK_FAULT:
		return uf_ctx_of(((struct vm_fault *)first)->vma);
	case UF_HOOK_MOVED:
		return uf_ctx_from_view(((struct vm_userfaultfd_ctx *)first)->ctx);
	case UF_HOOK_FORKS:
		return uf_hook_forks_ours(first);
	case UF_HOOK_UNMAPS:
		return uf_hook_unmaps_ours((void *)ftrace_regs_get_argument(fregs, 1));
	case UF_HOOK_MM:
		return uf_compat_unmap_watched(first, caller);
	}
	return false;
}

static void notrace uf_hook_divert(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(uf_hooks); i++) {
		const struct uf_hook *hook = &uf_hooks[i];

		if (hook->location != ip)
			continue;
		if (uf_hook_is_ours(hook, fregs, parent_ip))
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
 * It fails only after ftrace has found itself broken and stopped. Then mm goes on calling the
 * callback, whose text must stay: the unloading, or the failed load, never ends.
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
 * Where the kernel can be preempted, unregistering waits with synchronize_rcu_tasks(), because of
 * the trampoline; where it can't, until each processor has scheduled. Either is what we need
 * ourselves.
 */
void uf_hooks_detach(void)
{
	uf_hooks_unregister();
	ftrace_free_filter(&uf_hook_ops);
	uf_compat_unmap_drain();
}
