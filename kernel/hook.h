/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of mm's functions that the module takes over. hooks.c owns the table and passes it
 * down to hook_users.c, which decides when the functions are taken over, and to hook_attach.c,
 * which makes ftrace call the table's functions.
 */
#ifndef UF_HOOK_H
#define UF_HOOK_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/types.h>

/*
 * Which argument of a call shows whose context it is for. hook_attach.c has a stub for each kind
 * but the first.
 */
enum uf_hook_kind {
	UF_HOOK_FAULT,		/* the first: a struct vm_fault; this hook is always attached */
	UF_HOOK_VMA,		/* the first: a VMA */
	UF_HOOK_VMA_POINTER,	/* the first: a pointer to a pointer to a VMA */
	UF_HOOK_MOVED,		/* the first: a struct vm_userfaultfd_ctx that mremap() keeps */
	UF_HOOK_FORKS,		/* the first: a list of struct uf_fork_entry */
	UF_HOOK_UNMAPS,		/* the second: a list of struct uf_unmap_entry */
	UF_HOOK_MM,		/* the first: an mm that may have VMAs of ours */
	UF_HOOK_MERGE,		/* the first: a VMA; the fourth: the advice to merge its pages */
	UF_HOOK_ALL,		/* none: every call counts as ours */
};

/* The number of arguments that are passed in registers. */
#define UF_HOOK_ARGUMENTS	6

typedef void uf_hook_observer(const unsigned long *arguments);

struct uf_hook {
	const char *name;
	enum uf_hook_kind kind;
	void *function;			/* runs in place of the kernel's; or NULL */
	uf_hook_observer *observer;	/* runs before the kernel's; or NULL */
	unsigned long location;		/* address of the call of ftrace */
};

struct ftrace_ops;
struct ftrace_regs;

typedef void uf_hook_callback(unsigned long location, unsigned long caller, struct ftrace_ops *ops,
			      struct ftrace_regs *fregs);

struct uf_hook_table {
	struct uf_hook *hooks;		/* the fault hook comes first */
	unsigned int nr;
	uf_hook_callback *fault;	/* ftrace calls it for the fault hook */
	uf_hook_callback *divert;	/* ftrace calls it for the other hooks, without stubs */
};

/*
 * Called by the stubs. Returns the function that runs in place of the one that calls ftrace at
 * @location, or NULL if the kernel's function is to run. @arguments are those of the call. Doesn't
 * sleep. Defined in hooks.c.
 */
void *uf_hook_choose(const unsigned long *arguments, unsigned long location);

/*
 * Wait until no task is in a function of ours whose calls don't pin the module. @calls counts the
 * calls under way. After a call has dropped its count, it runs a few more instructions, which
 * don't sleep. It can't wake a waiting task there, because a wake-up can sleep on a PREEMPT_RT
 * kernel: so this function polls the count. The hooks are detached: no call is diverted any more.
 * May sleep.
 */
static inline void uf_hook_drain(const atomic_t *calls)
{
	while (atomic_read(calls))
		schedule_timeout_uninterruptible(1);
	synchronize_rcu_tasks();
}

#endif /* UF_HOOK_H */
