// SPDX-License-Identifier: GPL-2.0-only
/* Never linked: Kbuild generates hook_offsets.h from this, the numbers that hook_stubs.S needs. */
#include <linux/ftrace.h>
#include <linux/hash.h>
#include <linux/kbuild.h>
#include <linux/mm_types.h>

#include "compat/unmap.h"

static void __used uf_hook_offsets(void)
{
	OFFSET(UF_VMA_CTX, vm_area_struct, vm_userfaultfd_ctx);
	DEFINE(UF_FTRACE_CALL_SIZE, MCOUNT_INSN_SIZE);
#ifdef UF_UNMAP_WATCH_BITS
	BLANK();
	DEFINE(UF_UNMAP_WATCH_FACTOR, GOLDEN_RATIO_64);	/* of hash_ptr() */
	DEFINE(UF_UNMAP_WATCH_SHIFT, 64 - UF_UNMAP_WATCH_BITS);
#endif
}
