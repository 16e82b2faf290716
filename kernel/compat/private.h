/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that are private to mm. The kernel declares them in mm/internal.h, mm/swap.h and
 * mm/vma.h, which modules can't include, and in a part of <asm/tlbflush.h> that modules don't get.
 * The compiler can't tell when they change; scripts/check-interfaces can.
 */
#ifndef UF_COMPAT_PRIVATE_H
#define UF_COMPAT_PRIVATE_H

#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "interfaces.h"

void flush_tlb_batched_pending(struct mm_struct *mm);
void flush_tlb_mm_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			unsigned int stride_shift, bool freed_tables);
int __anon_vma_prepare(struct vm_area_struct *vma);

/* The module doesn't call this, but observes it, and reads its first four arguments. */
#if UF_HAS_ANON_INDEX
struct vm_area_struct *copy_vma(struct vm_area_struct **vma, unsigned long addr, unsigned long len,
				pgoff_t pgoff, pgoff_t anon_pgoff, bool *need_rmap_locks,
				bool keep_source);
#else
struct vm_area_struct *copy_vma(struct vm_area_struct **vma, unsigned long addr, unsigned long len,
				pgoff_t pgoff, bool *need_rmap_locks, bool keep_source);
#endif

#if UF_HAS_PRIVATE_LRU_VMA
void folio_add_lru_vma(struct folio *folio, struct vm_area_struct *vma);
#endif

#if UF_HAS_SHORT_SWAP_CACHE_GET
struct folio *swap_cache_get_folio(swp_entry_t entry);
#else
struct folio *swap_cache_get_folio(swp_entry_t entry, struct vm_area_struct *vma,
				   unsigned long addr);
#endif

#if UF_HAS_VMA_MODIFY
#if UF_HAS_VMA_FLAGS_WORDS
#define UF_COMPAT_VMA_FLAGS	const vma_flags_t *
#else
#define UF_COMPAT_VMA_FLAGS	unsigned long
#endif
struct vm_area_struct *vma_modify_flags_uffd(struct vma_iterator *vmi, struct vm_area_struct *prev,
					     struct vm_area_struct *vma, unsigned long start,
					     unsigned long end, UF_COMPAT_VMA_FLAGS flags,
					     struct vm_userfaultfd_ctx ctx, bool give_up_on_oom);
#endif

#endif /* UF_COMPAT_PRIVATE_H */
