// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions taken over: mm's side of userfaultfd.
 *
 * Overview
 *
 * Each row of the table is a function of mm's, most of them of <linux/userfaultfd_k.h>. mm calls the
 * first for faults in VMAs armed with VM_UFFD_*, the others for every VMA that is copied, moved,
 * thinned out or unmapped. ftrace has uf_hook_choose() look at the argument that says whom a call is
 * for, unless one of the stubs has seen that it is for nobody. If that is, or leads to, a context of
 * ours, the function in the table runs in place of the kernel's. Else nothing happens, and the
 * kernel's function runs as if nobody had been there: a native fault that sleeps for hours has no
 * frame of ours on its stack. (Where a call may be for memory of anybody it is otherwise: see
 * uf_event_drain() and uf_ksm_drain().) hook_attach.h says how ftrace gets here, hook_users.c when.
 *
 * A row may have an observer instead, which is called before the kernel's function where the call is
 * for a context of ours.
 *
 * Only a call that is for several contexts, a list of events, may be for native ones as well. Our
 * function calls the kernel's for those; a call of ours isn't diverted, see hook_attach.c.
 *
 * What isn't here: what only asks a context for its features (userfaultfd_wp_async(),
 * userfaultfd_rwp_async(), userfaultfd_wp_unpopulated()). For a context of ours the kernel's
 * functions read them in the view, where they are true.
 *
 * To add a row: choose the kind that says which argument it is. If there is no such kind, add one
 * to hook.h, to uf_hook_is_ours(), and to a stub in hook_attach.c: a new one in hook_stubs.S, or
 * uf_hook_stub_ask, which always comes here, if the function isn't called often. A stub that returns
 * too early loses events; one that comes here without need costs those who have no context. Then add
 * the function to the bench's bystanders, if others call it.
 *
 * Locking and lifetime
 *
 * uf_hook_choose() runs in the context of the caller, who keeps the VMA from changing, and with it
 * the context (see uf_file_release()); a list, or what mremap() keeps, holds its contexts itself. It
 * may be in the path of ftrace, and so it, and an observer, must call nothing that can be traced,
 * and mustn't sleep.
 *
 * A task in module text on mm's account that may sleep has a context there, which pins the module:
 * one that it holds a reference to; or one of a VMA (a copy of one, perhaps) with the mmap lock
 * held for writing, so that it can't be released. Except for a few instructions before it takes its
 * reference and after it has dropped it, where it doesn't sleep: detaching waits for those, see
 * uf_hook_attach_exit(). What isn't so waits by itself: see uf_event_drain()
 * and uf_ksm_drain().
 */
#include <linux/userfault.h>

#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/userfaultfd_k.h>

#include "compat/native.h"
#include "compat/ftrace.h"
#include "compat/unmap.h"
#include "ctx.h"
#include "event.h"
#include "fault.h"
#include "hook.h"
#include "hook_users.h"
#include "hooks.h"
#include "ksm.h"

/* What runs in place of a function is called as that is. */
#define UF_HOOK_ROW(hooked, whom, ours)						\
	{									\
		.name = #hooked,						\
		.kind = (whom),							\
		.function = (ours) + BUILD_BUG_ON_ZERO(!__same_type(hooked, ours)), \
	},
#define UF_HOOK_OBSERVER(hooked, whom, ours) \
	{ .name = #hooked, .kind = (whom), .observer = (ours) },

static struct uf_hook uf_hooks[] __ro_after_init = {
	UF_HOOK_ROW(handle_userfault, UF_HOOK_FAULT, uf_fault_handle)
	UF_HOOK_ROW(dup_userfaultfd, UF_HOOK_VMA, uf_event_fork)
	UF_HOOK_ROW(dup_userfaultfd_complete, UF_HOOK_FORKS, uf_event_fork_complete)
	UF_HOOK_ROW(mremap_userfaultfd_prep, UF_HOOK_VMA, uf_event_mremap)
	UF_HOOK_ROW(mremap_userfaultfd_complete, UF_HOOK_MOVED, uf_event_mremap_complete)
	UF_HOOK_OBSERVER(copy_vma, UF_HOOK_VMA_POINTER, uf_event_copy_vma)
	UF_HOOK_ROW(userfaultfd_remove, UF_HOOK_VMA, uf_event_remove)
	UF_HOOK_ROW(userfaultfd_unmap_complete, UF_HOOK_UNMAPS, uf_event_unmap_complete)
#if UF_HAS_UNMAP_BY_VMA
	UF_HOOK_ROW(userfaultfd_unmap_prep, UF_HOOK_VMA, uf_event_unmap)
#else
	UF_HOOK_ROW(userfaultfd_unmap_prep, UF_HOOK_MM, uf_event_unmap_mm)
#endif
#if UF_HAS_FORK_FAIL
	UF_HOOK_ROW(dup_userfaultfd_fail, UF_HOOK_FORKS, uf_event_fork_fail)
#endif
#if UF_HAS_MREMAP_FAIL
	UF_HOOK_ROW(mremap_userfaultfd_fail, UF_HOOK_MOVED, uf_event_mremap_fail)
#endif
#ifdef CONFIG_KSM
	UF_HOOK_ROW(ksm_madvise, UF_HOOK_MERGE, uf_ksm_madvise)
#if UF_HAS_KSM_MERGE_ANY
	UF_HOOK_ROW(ksm_enable_merge_any, UF_HOOK_ALL, uf_ksm_enable_any)
	UF_HOOK_ROW(ksm_disable_merge_any, UF_HOOK_ALL, uf_ksm_disable_any)
#endif
#endif
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

static __always_inline bool uf_hook_merges_ours(struct vm_area_struct *vma, int advice)
{
	return advice == MADV_MERGEABLE && uf_ksm_refused(vma) && uf_ctx_of(vma);
}

static __always_inline bool uf_hook_is_ours(const struct uf_hook *hook,
					    const unsigned long *arguments)
{
	void *first = (void *)arguments[0];

	switch (hook->kind) {
	case UF_HOOK_FAULT:
		return uf_ctx_of(((struct vm_fault *)first)->vma);
	case UF_HOOK_VMA:
		return uf_ctx_of(first);
	case UF_HOOK_VMA_POINTER:
		return uf_ctx_of(*(struct vm_area_struct **)first);
	case UF_HOOK_MOVED:
		return uf_ctx_from_view(((struct vm_userfaultfd_ctx *)first)->ctx);
	case UF_HOOK_FORKS:
		return uf_hook_forks_ours(first);
	case UF_HOOK_UNMAPS:
		return uf_hook_unmaps_ours((void *)arguments[1]);
	case UF_HOOK_MM:
		return uf_compat_unmap_watched(first);
	case UF_HOOK_MERGE:
		return uf_hook_merges_ours(first, arguments[3]);
	case UF_HOOK_ALL:
		return true;
	}
	return false;
}

static __always_inline const struct uf_hook *uf_hook_at(unsigned long location)
{
	const struct uf_hook *hook;

	for (hook = uf_hooks; hook < uf_hooks + ARRAY_SIZE(uf_hooks); hook++)
		if (hook->location == location)
			return hook;
	return NULL;
}

void *notrace uf_hook_choose(const unsigned long *arguments, unsigned long location)
{
	const struct uf_hook *hook = uf_hook_at(location);

	if (!hook || !uf_hook_is_ours(hook, arguments))
		return NULL;
	if (hook->observer)
		hook->observer(arguments);
	return hook->function;
}

static void notrace uf_hook_divert(unsigned long location, unsigned long caller,
				   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	unsigned long arguments[UF_HOOK_ARGUMENTS];
	void *function;
	int i;

	for (i = 0; i < UF_HOOK_ARGUMENTS; i++)
		arguments[i] = ftrace_regs_get_argument(fregs, i);
	function = uf_hook_choose(arguments, location);
	if (function)
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)function);
}

static void notrace uf_hook_fault(unsigned long location, unsigned long caller,
				  struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct vm_fault *vmf = (void *)ftrace_regs_get_argument(fregs, 0);

	if (uf_ctx_of(vmf->vma))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)uf_fault_handle);
}

static const struct uf_hook_table uf_hook_rows = {
	.hooks = uf_hooks,
	.nr = ARRAY_SIZE(uf_hooks),
	.fault = uf_hook_fault,
	.divert = uf_hook_divert,
};

int uf_hooks_init(void)
{
	return uf_hook_users_init(&uf_hook_rows);
}

void uf_hooks_exit(void)
{
	uf_hook_users_exit();
	uf_event_drain();
	uf_ksm_drain();
}
