// SPDX-License-Identifier: GPL-2.0-only
/* See unmap.h. */
#include "unmap.h"

#if !UF_HAS_UNMAP_BY_VMA
atomic_t uf_unmap_watch[1 << UF_UNMAP_WATCH_BITS];
#endif
