// SPDX-License-Identifier: GPL-2.0-only
/* See unmap.h. */
#include "unmap.h"

#ifdef UF_COMPAT_UNMAP_BY_MM
atomic_t uf_unmap_watch[1 << UF_UNMAP_WATCH_BITS];
#endif
