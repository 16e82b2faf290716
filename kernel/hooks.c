// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions taken over: mm's side of userfaultfd.
 *
 * Overview
 *
 * Each row of the table is one of mm's functions, most of them from <linux/userfaultfd_k.h>. mm
 * calls the first for faults in VMAs armed with VM_UFFD_*, and the others for every VMA that is
 * copied, moved, thinned out, unmapped or offered to KSM. One argument of a call shows whose
 * context the call is for. uf_hook_fault() looks at it for the first function, and
 * uf_hook_choose() for the others, unless a stub has already found that there is no context. If
 * the argument is, or leads to, a context of ours, the table's function runs in place of the
 * kernel's. Otherwise the kernel's function runs as if the module weren't there: a native fault
 * that sleeps for hours has no frame of ours on its stack. (Functions whose calls may concern any
 * process's memory are different: see uf_event_drain() and uf_ksm_drain().) hook_attach.h says how
 * ftrace gets here, hook_users.c when.
 *
 * A row may have an observer instead. It runs before the kernel's function if the call is for a
 * context of ours.
 *
 * Apart from the functions in brackets, only a call with a list of events can be for several
 * contexts, native ones among them. Our function calls the kernel's for the native ones. Our own
 * calls aren't diverted, see hook_attach.c.
 *
 * The table leaves out functions that only ask a context for its features (userfaultfd_wp_async(),
 * userfaultfd_rwp_async(), userfaultfd_wp_unpopulated()). The kernel's functions read the features
 * of a context of ours in its view, where they are true.
 *
 * To add a row: choose the kind that says which argument it is. If there is no such kind, add one
 * to hook.h and to uf_hook_is_ours(), and give it a stub in hook_attach.c: a new one in
 * hook_stubs.S or, if the function isn't called often, uf_hook_stub_ask, which always calls
 * uf_hook_choose(). A stub that returns too early loses events; a stub that calls uf_hook_choose()
 * without need slows down processes that have no context. If such processes call the function, add
 * it to the bench's bystanders, too.
 *
 * Locking and lifetime
 *
 * uf_hook_choose() runs in the thread that calls mm's function. That thread keeps the VMA from
 * changing, and so keeps the VMA's context alive (see uf_file_release()). A list, and the pointer
 * that mremap() keeps, hold references to their contexts. The call may come from within ftrace, so
 * uf_hook_choose() and an observer must call nothing that can be traced, and mustn't sleep.
 *
 * When mm calls us, a task may sleep in module text only while a context pins the module there.
 * Either the task holds a reference to the context; or the context is that of a VMA (perhaps of a
 * copy) and the task holds the VMA's lock or the mmap lock, so that the context can't be released.
 * Before it takes its reference, and after it has dropped it, a task runs a few instructions
 * without such a context. It doesn't sleep there, and detaching waits for it, see
 * uf_hook_attach_exit(). The functions that may sleep without a context have their own wait: see
 * uf_event_drain() and uf_ksm_drain().
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

/* Our function must have the type of the function that it replaces. */
#define UF_HOOK_ROW(hooked, whom, ours)						\
	{									\
		.name = #hooked,						\
		.kind = (whom) + BUILD_BUG_ON_ZERO(!__same_type(hooked, ours)),	\
		.function = (ours),						\
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
