/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of functions taken over. hooks.c has it, and hands it down: to hook_users.c, which says
 * when the functions are taken, and hook_attach.c, which has ftrace call it.
 */
#ifndef UF_HOOK_H
#define UF_HOOK_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/types.h>

/* The argument that says whom a call is for. hook_attach.c has a stub for each but the first. */
enum uf_hook_kind {
	UF_HOOK_FAULT,		/* the first, a struct vm_fault; the one that is always attached */
	UF_HOOK_VMA,		/* the first, a VMA */
	UF_HOOK_VMA_POINTER,	/* the first, a pointer to a pointer to a VMA */
	UF_HOOK_MOVED,		/* the first, a struct vm_userfaultfd_ctx that mremap() keeps */
	UF_HOOK_FORKS,		/* the first, a list of struct uf_fork_entry */
	UF_HOOK_UNMAPS,		/* the second, a list of struct uf_unmap_entry */
	UF_HOOK_MM,		/* the first, an mm that may have VMAs of ours */
	UF_HOOK_MERGE,		/* the first, a VMA; the fourth, the advice to merge its pages */
	UF_HOOK_ALL,		/* none: for everybody */
};

/* The arguments that are passed in registers. */
#define UF_HOOK_ARGUMENTS	6

typedef void uf_hook_observer(const unsigned long *arguments);

struct uf_hook {
	const char *name;
	enum uf_hook_kind kind;
	void *function;			/* runs in place of the kernel's; or */
	uf_hook_observer *observer;	/* is called before the kernel's, which runs as ever */
	unsigned long location;		/* where ftrace is called */
};

struct ftrace_ops;
struct ftrace_regs;

typedef void uf_hook_callback(unsigned long location, unsigned long caller, struct ftrace_ops *ops,
			      struct ftrace_regs *fregs);

struct uf_hook_table {
	struct uf_hook *hooks;		/* that for faults is the first, and always attached */
	unsigned int nr;
	uf_hook_callback *fault;	/* called for that */
	uf_hook_callback *divert;	/* called for the others, where there are no stubs */
};

/*
 * Called by the stubs: what runs in place of the function that calls ftrace at @location; NULL if
 * that function does. @arguments: those of the call. Doesn't sleep. In hooks.c.
 */
void *uf_hook_choose(const unsigned long *arguments, unsigned long location);

/*
 * Wait until nobody is in a function of ours whose calls pin nothing, and that counts in @calls those
 * under way. The last instructions of a call, after the count, don't sleep; to wake somebody there
 * would, on a kernel for real time. Nothing is diverted any more. May sleep.
 */
static inline void uf_hook_drain(const atomic_t *calls)
{
	while (atomic_read(calls))
		schedule_timeout_uninterruptible(1);
	synchronize_rcu_tasks();
}

#endif /* UF_HOOK_H */
