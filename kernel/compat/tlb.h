/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct mmu_gather, which we pass on to mm. Inline functions of <asm/tlb.h> call a function that
 * only private.h declares for modules.
 */
#ifndef UF_COMPAT_TLB_H
#define UF_COMPAT_TLB_H

#include "private.h"

#include <asm/tlb.h>

#endif /* UF_COMPAT_TLB_H */
