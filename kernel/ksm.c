// SPDX-License-Identifier: GPL-2.0-only
/* See ksm.h. */
#include <linux/userfault.h>

#include <linux/atomic.h>
#include <linux/ksm.h>
#include <linux/mman.h>

#include "ctx.h"
#include "hook.h"
#include "ksm.h"
#include "compat/ksyms.h"

int uf_ksm_unmerge(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	VMA_ITERATOR(vmi, mm, start);
	struct vm_area_struct *vma;
	unsigned long flags;
	int err;

	mmap_assert_write_locked(mm);
	for_each_vma_range(vmi, vma, end) {
		flags = vma->vm_flags;
		err = uf_ksym(ksm_madvise)(vma, max(start, vma->vm_start), min(end, vma->vm_end),
					   MADV_UNMERGEABLE, &flags);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

int uf_ksm_madvise(struct vm_area_struct *vma, unsigned long start, unsigned long end, int advice,
		   unsigned long *vm_flags)
{
	return 0;
}

#if UF_HAS_KSM_MERGE_ANY

/* Calls of the two functions below that are under way. */
static atomic_t uf_ksm_calls;

static void uf_ksm_take_out_again(struct mm_struct *mm)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;

	for_each_vma(vmi, vma) {
		if (vma->vm_flags & VM_MERGEABLE && uf_ksm_refused(vma) && uf_ctx_of(vma))
			vm_flags_clear(vma, VM_MERGEABLE);
		cond_resched();
	}
}

/* After it has lowered the count, a call doesn't sleep; see uf_hook_drain(). */
static int uf_ksm_end_any(struct mm_struct *mm, int result)
{
	uf_ksm_take_out_again(mm);
	atomic_dec(&uf_ksm_calls);
	return result;
}

int uf_ksm_enable_any(struct mm_struct *mm)
{
	atomic_inc(&uf_ksm_calls);
	return uf_ksm_end_any(mm, uf_ksym(ksm_enable_merge_any)(mm));
}

int uf_ksm_disable_any(struct mm_struct *mm)
{
	atomic_inc(&uf_ksm_calls);
	return uf_ksm_end_any(mm, uf_ksym(ksm_disable_merge_any)(mm));
}

void uf_ksm_drain(void)
{
	uf_hook_drain(&uf_ksm_calls);
}

#endif
