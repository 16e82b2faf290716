/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct mmu_gather, for what is passed on to mm. <asm/tlb.h> has inline functions that call one
 * which the kernel doesn't declare for modules; nobody here calls them.
 */
#ifndef UF_COMPAT_TLB_H
#define UF_COMPAT_TLB_H

#include <linux/mm.h>

void flush_tlb_mm_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			unsigned int stride_shift, bool freed_tables);

#include <asm/tlb.h>

#endif /* UF_COMPAT_TLB_H */
