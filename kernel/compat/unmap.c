// SPDX-License-Identifier: GPL-2.0-only
/* See unmap.h. */
#include <linux/userfault.h>

#include "unmap.h"

#ifdef UF_COMPAT_6_1

#include <linux/mm.h>

#include "../hook.h"
#include "../ksyms.h"

atomic_t uf_unmap_watch[1 << UF_UNMAP_WATCH_BITS];

/* Calls under way. */
static atomic_t uf_unmap_calls;

static int uf_compat_unmap_each(struct mm_struct *mm, unsigned long start, unsigned long end,
				struct list_head *unmaps, uf_compat_unmap_one *one)
{
	VMA_ITERATOR(vmi, mm, start);
	struct vm_area_struct *vma;
	int err;

	for_each_vma_range(vmi, vma, end) {
		err = one(vma, start, end, unmaps);
		if (err)
			return err;
	}
	return 0;
}

int uf_compat_unmap(struct mm_struct *mm, unsigned long start, unsigned long end,
		    struct list_head *unmaps, uf_compat_unmap_one *one)
{
	int err;

	atomic_inc(&uf_unmap_calls);
	err = uf_compat_unmap_each(mm, start, end, unmaps, one) ?:
	      uf_ksym(userfaultfd_unmap_prep)(mm, start, end, unmaps);
	atomic_dec(&uf_unmap_calls);
	return err;
}

void uf_compat_unmap_drain(void)
{
	uf_hook_drain(&uf_unmap_calls);
}

#endif
