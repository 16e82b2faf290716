/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels. The rest of the module uses the newest shape of each interface, and
 * asks for no version. Where a kernel doesn't have that shape, this folder provides it.
 */
#ifndef UF_COMPAT_H
#define UF_COMPAT_H

#include "interfaces.h"

#include "anon_inode.h"
#include "ctx_view.h"
#include "folio.h"
#include "ftrace.h"
#include "notifier.h"
#include "pgtable.h"
#include "protect.h"
#include "protect_rwp.h"
#include "rmap.h"
#include "shmem.h"
#include "unmap.h"
#include "vma.h"

#endif /* UF_COMPAT_H */
