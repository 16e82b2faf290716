/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct mmu_gather, for what is passed on to mm. <asm/tlb.h> has inline functions that call one
 * which the kernel doesn't declare for modules.
 */
#ifndef UF_COMPAT_TLB_H
#define UF_COMPAT_TLB_H

#include "private.h"

#include <asm/tlb.h>

#endif /* UF_COMPAT_TLB_H */
