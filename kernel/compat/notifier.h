/* SPDX-License-Identifier: GPL-2.0-only */
/* Notifying the owners of a process's secondary page tables: KVM, devices. */
#ifndef UF_COMPAT_NOTIFIER_H
#define UF_COMPAT_NOTIFIER_H

#include <linux/mmu_notifier.h>

#include "ksyms.h"

#ifdef CONFIG_MMU_NOTIFIER

/*
 * Tell notifiers that the entries of [@start, @end) in @vma are about to change. The caller holds
 * the mmap lock, or has locked the VMA: a notifier that is registered meanwhile has no secondary
 * page table yet that could be stale. May sleep. Returns whether there is a notifier; pass that to
 * uf_compat_notifier_end().
 */
static inline bool uf_compat_notifier_start(struct mmu_notifier_range *range,
					    enum mmu_notifier_event event,
					    struct vm_area_struct *vma, unsigned long start,
					    unsigned long end)
{
	if (!mm_has_notifiers(vma->vm_mm))
		return false;
#if UF_HAS_NOTIFIED_TLBS
	mmu_notifier_range_init(range, event, MMU_NOTIFIER_RANGE_BLOCKABLE, vma->vm_mm, start, end);
#else
	mmu_notifier_range_init(range, event, MMU_NOTIFIER_RANGE_BLOCKABLE, vma, vma->vm_mm, start,
				end);
#endif
	uf_ksym(__mmu_notifier_invalidate_range_start)(range);
	return true;
}

/*
 * Call this when the entries have changed and the processors' TLBs are flushed, before the pages
 * can be reached elsewhere. Before 6.6 that flush doesn't tell devices to flush their TLBs: this
 * does, earlier than uf_compat_notifier_end(). @told as below. Doesn't sleep.
 */
static inline void uf_compat_notifier_flush(struct mmu_notifier_range *range, bool told)
{
#if !UF_HAS_NOTIFIED_TLBS
	if (told)
		uf_ksym(__mmu_notifier_invalidate_range)(range->mm, range->start, range->end);
#endif
}

/* The entries have changed. @told: what uf_compat_notifier_start() returned. May sleep. */
static inline void uf_compat_notifier_end(struct mmu_notifier_range *range, bool told)
{
	if (!told)
		return;
#if UF_HAS_NOTIFIED_TLBS
	uf_ksym(__mmu_notifier_invalidate_range_end)(range);
#else
	uf_ksym(__mmu_notifier_invalidate_range_end)(range, false);
#endif
}

#else

static inline bool uf_compat_notifier_start(struct mmu_notifier_range *range,
					    enum mmu_notifier_event event,
					    struct vm_area_struct *vma, unsigned long start,
					    unsigned long end)
{
	return false;
}

static inline void uf_compat_notifier_flush(struct mmu_notifier_range *range, bool told)
{
}

static inline void uf_compat_notifier_end(struct mmu_notifier_range *range, bool told)
{
}

#endif

#endif /* UF_COMPAT_NOTIFIER_H */
