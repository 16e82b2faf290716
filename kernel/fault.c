// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capture: a thread that faults becomes a waiter until its fault is resolved.
 *
 * Why no wake-up is lost
 *
 * mm found the page missing or protected, and dropped the page-table lock before it called us.
 * Another thread may resolve the fault between that and our sleep. Two orders hold:
 *
 *	faulting thread				resolving thread
 *	---------------				----------------
 *	take a reference
 *	set its task state
 *	add waiter to its bucket (locked)
 *	[A] smp_mb()				write the page-table entry
 *	read the page-table entry		[B] smp_mb(), in uf_ctx_wake()
 *	if it is as it was, sleep		read the reference count, then the bucket, or
 *						first its bit in the table
 *
 * [A] and [B] pair. Either the faulting thread reads the new entry and doesn't sleep, or the
 * resolving thread reads the reference and the waiter, and wakes the faulting thread. Both may
 * happen, but never neither. (The first waiter of a bucket sets the bucket's bit under the
 * bucket's lock. Later waiters take that lock after it.)
 *
 * A waker that finds the waiter takes it out of its bucket, sets it UF_WOKEN and then calls
 * wake_up_process(). The waker found the waiter under the bucket's lock, and so after the thread
 * had set its task state. The wake-up makes the thread running again, and if the thread hasn't
 * slept yet, its schedule() returns at once. (This also holds if the thread has set another state
 * since: then it waits for its waker, until UF_WOKEN.)
 *
 * A faulting thread need not look whether its context is closed: see uf_file_release().
 *
 * On a PREEMPT_RT kernel the locks that the thread takes after setting its state can sleep
 * themselves. Meanwhile the kernel saves the task's state, and a wake-up that comes then makes the
 * saved state running.
 *
 * UFFDIO_WAKE of a page that no thread has resolved doesn't depend on a page-table entry. The
 * monitor knows about the fault because it was told, so the waiter was in its bucket before. A
 * UFFDIO_WAKE that comes before the fault has no thread to wake.
 *
 * Readers: the faulting thread puts its waiter on the pending queue before [A], and
 * uf_ctx_announce() looks for sleeping readers after it. A reader first joins the wait queue, then
 * looks at the pending queue (msg.c), with a full barrier between. Either the reader sees the
 * waiter, or the faulting thread sees the reader.
 */
#include <linux/userfault.h>

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "ctx.h"
#include "fault.h"
#include "hugetlb.h"
#include "region.h"

static void uf_fault_make_msg(struct uffd_msg *msg, const struct uf_ctx *ctx,
			      const struct vm_fault *vmf, unsigned long reason)
{
	unsigned int features = ctx->view.features;

	/* Initialises reserved, which is as long as the union: no byte of the stack leaks. */
	*msg = (struct uffd_msg){ .event = UFFD_EVENT_PAGEFAULT, .arg.reserved = { 0 } };
	msg->arg.pagefault.address = features & UFFD_FEATURE_EXACT_ADDRESS ? vmf->real_address
									   : vmf->address;
	if (vmf->flags & FAULT_FLAG_WRITE)
		msg->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_WRITE;
	if (reason & VM_UFFD_WP)
		msg->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_WP;
	if (reason & VM_UFFD_RWP)
		msg->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_RWP;
	if (reason & VM_UFFD_MINOR)
		msg->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_MINOR;
	if (features & UFFD_FEATURE_THREAD_ID)
		msg->arg.pagefault.feat.ptid = task_pid_vnr(current);
}

/*
 * Whether an entry, of a page of any size, is still one that faults for @reason. If the page has
 * gone, or if its entry is on its way through swap or migration, mm finds that out: it tries the
 * access again, which may fault again.
 */
static bool uf_fault_pte_unresolved(pte_t pte, unsigned long reason)
{
	if (reason & VM_UFFD_WP)
		return pte_present(pte) && pte_uffd_wp(pte);
	if (reason & VM_UFFD_RWP)
		return pte_protnone(pte) && pte_uffd_wp(pte);
	return pte_none(pte) || (uf_pte_missing(pte) && !uf_pte_poisoned(pte));
}

static bool uf_fault_huge_unresolved(const struct vm_fault *vmf, unsigned long reason)
{
	pte_t pte;

	if (!uf_hugetlb_entry(vmf, &pte))
		return !(reason & (VM_UFFD_WP | VM_UFFD_RWP));
	return uf_fault_pte_unresolved(pte, reason);
}

static bool uf_fault_pmd_unresolved(pmd_t pmd, unsigned long reason)
{
	if (reason & VM_UFFD_WP)
		return pmd_present(pmd) && pmd_uffd_wp(pmd);
	if (reason & VM_UFFD_RWP)
		return pmd_protnone(pmd) && pmd_uffd_wp(pmd);
	return pmd_none(pmd);
}

/*
 * Whether the page is still missing or protected. Reads without the page-table lock: if this
 * misses a change, the thread that made the change wakes us afterwards. The fault lock keeps the
 * upper levels of the page table, and so vmf->pmd.
 */
static bool uf_fault_unresolved(const struct vm_fault *vmf, unsigned long reason)
{
	bool unresolved;
	pte_t *pte;
	pmd_t pmd;

	if (is_vm_hugetlb_page(vmf->vma))
		return uf_fault_huge_unresolved(vmf, reason);

	pmd = pmdp_get_lockless(vmf->pmd);
	if (unlikely(!uf_pmd_is_table(pmd)))
		return uf_fault_pmd_unresolved(pmd, reason);

	pte = uf_compat_pte_map(vmf->pmd, vmf->address);
	if (!pte)
		return false;	/* the page table has just been replaced: fault again */
	unresolved = uf_fault_pte_unresolved(ptep_get(pte), reason);
	pte_unmap(pte);
	return unresolved;
}

static enum uf_fault_kind uf_fault_kind_of(unsigned long reason)
{
	if (reason & VM_UFFD_WP)
		return UF_FAULT_WP;
	if (reason & VM_UFFD_RWP)
		return UF_FAULT_RWP;
	if (reason & VM_UFFD_MINOR)
		return UF_FAULT_MINOR;
	return UF_FAULT_MISSING;
}

/* Memory that a monitor resolves faults of is never of another kind. */
static enum uf_memory_kind uf_fault_memory_of(struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma))
		return UF_MEMORY_HUGETLB;
	return vma_is_anonymous(vma) ? UF_MEMORY_ANON : UF_MEMORY_SHMEM;
}

static void uf_fault_count(const struct uf_ctx *ctx, const struct vm_fault *vmf,
			   unsigned long reason)
{
	unsigned int access = (vmf->flags & FAULT_FLAG_WRITE ? UF_ACCESS_WRITE : 0) |
			      (vmf->flags & FAULT_FLAG_USER ? 0 : UF_ACCESS_KERNEL);

	uf_count_fault(&ctx->counters, uf_fault_kind_of(reason), uf_fault_memory_of(vmf->vma),
		       access);
}

#define UF_FAULT_OUTLAST	(5 * HZ)

/*
 * Whether to sleep through a signal that doesn't kill. An access by the kernel itself,
 * copy_to_user() for example, can't be left for a signal handler: the thread would only fault and
 * be reported again, over and over. Interruptible pinning (FOLL_INTERRUPTIBLE) has the same flags,
 * but looks for signals before it tries again. So a thread that tries again with a signal pending
 * is not pinning, unless the signal came after that look. Pinning must not miss such a signal for
 * good: so both kinds try again after UF_FAULT_OUTLAST.
 */
static bool uf_fault_outlasts_signals(const struct vm_fault *vmf)
{
	return (vmf->flags & (FAULT_FLAG_USER | FAULT_FLAG_TRIED)) == FAULT_FLAG_TRIED &&
	       (vmf->flags & FAULT_FLAG_KILLABLE) && signal_pending(current);
}

static unsigned int uf_fault_task_state(const struct vm_fault *vmf, bool outlast)
{
	if ((vmf->flags & FAULT_FLAG_INTERRUPTIBLE) && !outlast)
		return TASK_INTERRUPTIBLE;
	if (vmf->flags & FAULT_FLAG_KILLABLE)
		return TASK_KILLABLE;
	return TASK_UNINTERRUPTIBLE;
}

/*
 * Add the waiter, and set the task state. Returns whether there is something to wait for. Drops
 * the fault lock.
 */
static bool uf_fault_prepare(struct uf_ctx *ctx, struct uf_waiter *waiter, struct vm_fault *vmf,
			     unsigned long reason, bool outlast)
{
	struct vm_area_struct *vma = vmf->vma;
	bool huge = is_vm_hugetlb_page(vma), wait;

	if (huge)
		uf_hugetlb_lock(vma);	/* may sleep, and so comes before the task state is set */
	__set_current_state(uf_fault_task_state(vmf, outlast));
	uf_waiter_add(&ctx->waiters, waiter);
	smp_mb();	/* [A] */
	wait = uf_fault_unresolved(vmf, reason);
	if (huge)
		uf_hugetlb_unlock(vma);
	release_fault_lock(vmf);
	return wait;
}

/*
 * Drops the fault lock. Any wake-up ends the wait: mm tries the access again, which may fault
 * again.
 */
static void uf_fault_wait(struct uf_ctx *ctx, struct vm_fault *vmf, unsigned long reason)
{
	struct uf_waiter waiter __uninitialized;	/* uf_waiter_add() sets the rest */
	bool outlast = uf_fault_outlasts_signals(vmf);
	const struct uffd_msg *msg = &waiter.msg;
	enum uf_fault_end end = UF_FAULT_RETRIED;

	uf_fault_make_msg(&waiter.msg, ctx, vmf, reason);
	trace_fault(ctx->id, msg->arg.pagefault.address, msg->arg.pagefault.flags);
	/*
	 * With EXACT_ADDRESS this may be any base page of a huge page: the one whose address the
	 * monitor gets.
	 */
	waiter.page = msg->arg.pagefault.address & PAGE_MASK;
	uf_ctx_get(ctx);
	if (uf_fault_prepare(ctx, &waiter, vmf, reason, outlast)) {
		uf_ctx_announce(ctx);
		schedule_timeout(outlast ? UF_FAULT_OUTLAST : MAX_SCHEDULE_TIMEOUT);
		end = UF_FAULT_INTERRUPTED;
	}
	__set_current_state(TASK_RUNNING);
	if (uf_waiter_remove(&ctx->waiters, &waiter))
		end = UF_FAULT_WOKEN;
	if (end == UF_FAULT_WOKEN)
		trace_woken(ctx->id, msg->arg.pagefault.address, msg->arg.pagefault.flags);
	else
		trace_retried(ctx->id, msg->arg.pagefault.address, msg->arg.pagefault.flags);
	uf_count_fault_end(&ctx->counters, end);
	uf_ctx_put(ctx);
}

/* Answer a fault without waiting for it. */
static vm_fault_t uf_fault_answer(const struct uf_ctx *ctx, vm_fault_t answer)
{
	uf_count_fault_end(&ctx->counters, answer == VM_FAULT_SIGBUS ? UF_FAULT_SIGBUS
								     : UF_FAULT_RETRIED);
	return answer;
}

/*
 * A fault in memory that is about to be unregistered (mremap.h). The monitor isn't told about it:
 * this unregisters the memory, and the next try is a fault in ordinary memory.
 */
static vm_fault_t uf_fault_settle(struct uf_ctx *ctx, struct vm_fault *vmf)
{
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return uf_fault_answer(ctx, VM_FAULT_SIGBUS);
	uf_fault_answer(ctx, VM_FAULT_RETRY);
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	uf_ctx_get(ctx);
	release_fault_lock(vmf);
	uf_region_settle(ctx);
	uf_ctx_put(ctx);
	return VM_FAULT_RETRY;
}

/*
 * The checks are in upstream's order. Upstream doesn't have the one for memory that mremap() has
 * moved, nor the last one. The last is for a fault of the thread that is changing mappings, for
 * example when mremap() populates a mapping that is locked in memory. The monitor can't resolve
 * that fault before it has read the event, and the thread doesn't queue the event before it goes
 * on.
 */
vm_fault_t uf_fault_handle(struct vm_fault *vmf, unsigned long reason)
{
	/* The hook has checked that the context is ours. */
	struct uf_ctx *ctx = container_of(vmf->vma->vm_userfaultfd_ctx.ctx, struct uf_ctx, view);

	if (reason & VM_UFFD_WP && uf_compat_wp_async_fault(vmf))
		return 0;

	uf_fault_count(ctx, vmf, reason);

	/* An exiting thread can't wait for a monitor, and a core dump leaves out missing pages. */
	if (current->flags & (PF_EXITING | PF_DUMPCORE))
		return uf_fault_answer(ctx, VM_FAULT_SIGBUS);

	assert_fault_locked(vmf);
	if (WARN_ON_ONCE(ctx->view.mm != vmf->vma->vm_mm))
		return uf_fault_answer(ctx, VM_FAULT_SIGBUS);

	if (unlikely(uf_mremaps_any(&ctx->mremaps)) &&
	    uf_mremap_covers(&ctx->mremaps, vmf->address))
		return uf_fault_settle(ctx, vmf);

	if (ctx->view.features & UFFD_FEATURE_SIGBUS)
		return uf_fault_answer(ctx, VM_FAULT_SIGBUS);
	if (!(vmf->flags & FAULT_FLAG_USER) && (ctx->view.flags & UFFD_USER_MODE_ONLY))
		return uf_fault_answer(ctx, VM_FAULT_SIGBUS);

	/* A caller that can't retry can't wait either; one that can't wait may retry later. */
	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return uf_fault_answer(ctx, VM_FAULT_SIGBUS);
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return uf_fault_answer(ctx, VM_FAULT_RETRY);

	if (unlikely(uf_ctx_changing(ctx)) && uf_change_is_own(&ctx->changes))
		return uf_fault_answer(ctx, VM_FAULT_SIGBUS);

	uf_fault_wait(ctx, vmf, reason);
	return VM_FAULT_RETRY;
}
