// SPDX-License-Identifier: GPL-2.0-only
/* Attaching; see hook_attach.h. */
#include <linux/userfault.h>

#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/ftrace.h>
#include <linux/sched.h>

#include "compat/ftrace.h"
#include "compat/unmap.h"
#include "hook.h"
#include "hook_attach.h"
#include "compat/ksyms.h"

/* In hook_stubs.S. Only ftrace may call them. */
void uf_hook_stub_vma(void);
void uf_hook_stub_vma_pointer(void);
void uf_hook_stub_pointer(void);
void uf_hook_stub_second_list(void);
void uf_hook_stub_mm(void);
void uf_hook_stub_ask(void);

/* The direct calls to one stub. */
static struct uf_hook_direct {
	void (*stub)(void);
	unsigned long kinds;		/* bit set of the hook kinds that use the stub */
	bool used;			/* the table has a hook of these kinds */
	struct ftrace_ops ops;
} uf_hook_directs[] = {
	{ .stub = uf_hook_stub_vma, .kinds = BIT(UF_HOOK_VMA) | BIT(UF_HOOK_MERGE) },
	{ .stub = uf_hook_stub_vma_pointer, .kinds = BIT(UF_HOOK_VMA_POINTER) },
	{ .stub = uf_hook_stub_pointer, .kinds = BIT(UF_HOOK_MOVED) | BIT(UF_HOOK_FORKS) },
	{ .stub = uf_hook_stub_second_list, .kinds = BIT(UF_HOOK_UNMAPS) },
	{ .stub = uf_compat_stub_mm, .kinds = BIT(UF_HOOK_MM) },
	{ .stub = uf_hook_stub_ask, .kinds = BIT(UF_HOOK_ALL) },
};

#define uf_hook_for_each_direct(direct)						\
	for (direct = uf_hook_directs;						\
	     direct < uf_hook_directs + ARRAY_SIZE(uf_hook_directs); direct++)

/* PERMANENT: kernel.ftrace_enabled=0 must not detach the functions while there are contexts. */
#define UF_HOOK_FLAGS	(FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)

static struct ftrace_ops uf_hook_fault_ops = { .flags = UF_HOOK_FLAGS };

/* Callbacks for all hooks but the fault's, if direct calls can't be registered. */
static struct ftrace_ops uf_hook_divert_ops = { .flags = UF_HOOK_FLAGS };

/* For uf_hook_try(), to find out which functions can be taken over. */
static struct ftrace_ops uf_hook_try_ops = { .flags = UF_HOOK_FLAGS };

static const struct uf_hook_table *uf_hook_table __ro_after_init;

#define uf_hook_for_each(hook)							\
	for (hook = uf_hook_table->hooks;					\
	     hook < uf_hook_table->hooks + uf_hook_table->nr; hook++)

static bool uf_hook_diverting;		/* callbacks are attached, not direct calls */
static bool uf_hook_blamed;		/* the log names the functions that can't be taken over */
static bool uf_hook_stuck;		/* ftrace failed to detach something */

/*
 * Unregistering fails only after ftrace has found itself broken and stopped. Then mm goes on
 * calling us, so our text must stay.
 */
static void uf_hook_unregistered(int err)
{
	if (WARN_ONCE(err, "userfault: can't give mm its functions back (%d); the module stays until a reboot\n",
		      err))
		uf_hook_stuck = true;
}

/*
 * Our own calls of the function enter it after its call of ftrace, so they are never diverted. A
 * stub couldn't recognise our calls by the return address: a tracer may have replaced that before
 * the stub looks.
 */
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
	uf_ksyms_enter_at(hook->name, hook->location + MCOUNT_INSN_SIZE);
	return 0;
}

/* Add @hook's location to the filter of each ftrace_ops that may attach it. */
static int uf_hook_filter(const struct uf_hook *hook)
{
	struct uf_hook_direct *direct;
	int err;

	if (hook->kind == UF_HOOK_FAULT)
		return ftrace_set_filter_ip(&uf_hook_fault_ops, hook->location, 0, 0);

	uf_hook_for_each_direct(direct) {
		if (!(direct->kinds & BIT(hook->kind)))
			continue;
		direct->used = true;
		err = ftrace_set_filter_ip(&direct->ops, hook->location, 0, 0);
		if (err)
			return err;
	}
	return ftrace_set_filter_ip(&uf_hook_divert_ops, hook->location, 0, 0);
}

/*
 * Unregistering waits until no task can be in the stub, or still look for it. ftrace must wait for
 * that before it frees its record of a direct call, because another tracer of the function may be
 * reading the record.
 */
static void uf_hook_undirect(struct uf_hook_direct *direct)
{
	uf_hook_unregistered(uf_compat_unregister_direct(&direct->ops,
							 (unsigned long)direct->stub));
}

/* Unregister the direct calls before @end. */
static void uf_hook_undirect_before(struct uf_hook_direct *end)
{
	struct uf_hook_direct *direct;

	for (direct = uf_hook_directs; direct < end; direct++)
		if (direct->used)
			uf_hook_undirect(direct);
}

static int uf_hook_direct_all(void)
{
	struct uf_hook_direct *direct;
	int err;

	uf_hook_for_each_direct(direct) {
		if (!direct->used)
			continue;
		err = uf_compat_register_direct(&direct->ops, (unsigned long)direct->stub);
		if (err) {
			uf_hook_undirect_before(direct);
			return err;
		}
	}
	return 0;
}

/* Whether @hook's function, which isn't taken over now, can be. */
static bool uf_hook_try(const struct uf_hook *hook)
{
	if (ftrace_set_filter_ip(&uf_hook_try_ops, hook->location, 0, 1) ||
	    register_ftrace_function(&uf_hook_try_ops))
		return false;
	uf_hook_unregistered(unregister_ftrace_function(&uf_hook_try_ops));
	return true;
}

/* The functions from @hook on can't all be taken over: log which ones can't, or that none can. */
static void uf_hook_blame(const struct uf_hook *hook, int err)
{
	const struct uf_hook *first = hook, *end = uf_hook_table->hooks + uf_hook_table->nr;
	unsigned long taken = 0;

	for (; hook < end; hook++)
		__assign_bit(hook - first, &taken, uf_hook_try(hook));
	pr_err("ftrace can't take over mm's functions (%d)%s\n", err,
	       taken ? "" : ": is kernel.ftrace_enabled 0?");
	for (hook = first; taken && hook < end; hook++)
		if (!test_bit(hook - first, &taken))
			pr_err("another ftrace user, such as a livepatch, has %s()\n", hook->name);
}

int uf_hook_attach_all(void)
{
	int err;

	err = uf_hook_direct_all();
	if (!err)
		goto attached;
	err = register_ftrace_function(&uf_hook_divert_ops);
	if (!err) {
		uf_hook_diverting = true;
		goto attached;
	}
	if (!uf_hook_blamed)
		uf_hook_blame(uf_hook_table->hooks + 1, err);
	uf_hook_blamed = true;
	return err;

attached:
	uf_hook_blamed = false;
	return 0;
}

void uf_hook_detach_all(void)
{
	if (!uf_hook_diverting) {
		uf_hook_undirect_before(uf_hook_directs + ARRAY_SIZE(uf_hook_directs));
		return;
	}
	uf_hook_unregistered(unregister_ftrace_function(&uf_hook_divert_ops));
	uf_hook_diverting = false;
}

static void uf_hook_free_filters(void)
{
	struct uf_hook_direct *direct;

	uf_hook_for_each_direct(direct)
		ftrace_free_filter(&direct->ops);
	ftrace_free_filter(&uf_hook_divert_ops);
	ftrace_free_filter(&uf_hook_try_ops);
	ftrace_free_filter(&uf_hook_fault_ops);
}

int uf_hook_attach_init(const struct uf_hook_table *table)
{
	struct uf_hook *hook;
	int err;

	uf_hook_table = table;
	uf_hook_fault_ops.func = table->fault;
	uf_hook_divert_ops.func = table->divert;
	uf_hook_try_ops.func = table->divert;

	uf_hook_for_each(hook) {
		err = uf_hook_locate(hook) ?: uf_hook_filter(hook);
		if (err)
			goto free;
	}
	err = register_ftrace_function(&uf_hook_fault_ops);
	if (!err)
		return 0;
	uf_hook_blame(uf_hook_table->hooks, err);
free:
	uf_hook_free_filters();
	return err;
}

/*
 * In a preemptible kernel, unregistering waits with synchronize_rcu_tasks(), because of ftrace's
 * trampoline. In other kernels it waits until each CPU has scheduled. Either wait is also what our
 * callbacks and stubs need. If something is still attached, unloading, or the failed load, never
 * ends.
 */
void uf_hook_attach_exit(void)
{
	uf_hook_unregistered(unregister_ftrace_function(&uf_hook_fault_ops));
	while (uf_hook_stuck)
		schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
	uf_hook_free_filters();
}
