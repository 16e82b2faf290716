// SPDX-License-Identifier: GPL-2.0-only
/* What is registered with a context; see region_list.h. */
#include <linux/userfault.h>

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "ctx.h"
#include "compat/ksyms.h"
#include "region_list.h"

/* Called for each VMA of a context, in the order of their addresses. */
typedef void uf_region_see_fn(void *seen, struct vm_area_struct *vma);

static int uf_region_see_locked(const struct uf_ctx *ctx, uf_region_see_fn *see, void *seen)
{
	VMA_ITERATOR(vmi, ctx->view.mm, 0);
	struct vm_area_struct *vma;

	for_each_vma(vmi, vma) {
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		if (vma->vm_userfaultfd_ctx.ctx == &ctx->view)
			see(seen, vma);
	}
	return 0;
}

/* Look at all VMAs of @ctx, if nobody changes them. */
static int uf_region_see(struct uf_ctx *ctx, uf_region_see_fn *see, void *seen)
{
	struct mm_struct *mm = ctx->view.mm;
	int err = -EBUSY;

	if (!mmget_not_zero(mm))
		return 0;
	if (mmap_read_trylock(mm)) {
		err = uf_region_see_locked(ctx, see, seen);
		mmap_read_unlock(mm);
	}
	mmput_async(mm);	/* the last user's work is not for netlink, or a monitor, to do */
	return err;
}

static void uf_region_add_up(void *seen, struct vm_area_struct *vma)
{
	unsigned long len = vma->vm_end - vma->vm_start;
	struct uf_region_bytes *bytes = seen;

	bytes->missing += vma->vm_flags & VM_UFFD_MISSING ? len : 0;
	bytes->minor += vma->vm_flags & VM_UFFD_MINOR ? len : 0;
	bytes->wp += vma->vm_flags & VM_UFFD_WP ? len : 0;
	bytes->rwp += vma->vm_flags & VM_UFFD_RWP ? len : 0;
}

int uf_region_registered(struct uf_ctx *ctx, struct uf_region_bytes *bytes)
{
	*bytes = (struct uf_region_bytes){};
	return uf_region_see(ctx, uf_region_add_up, bytes);
}

struct uf_region_listing {
	struct uf_region *list;
	unsigned long room;
	unsigned long count;
	struct uf_region last;		/* the last one that was counted */
};

static unsigned int uf_region_memory_of(struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma))
		return USERFAULT_MEMORY_HUGETLB;
	if (vma_is_anonymous(vma))
		return USERFAULT_MEMORY_ANON;
	return uf_ksym(vma_is_shmem)(vma) ? USERFAULT_MEMORY_SHMEM : USERFAULT_MEMORY_FILE;
}

static void uf_region_add_to_list(void *seen, struct vm_area_struct *vma)
{
	struct uf_region region = {
		.start = vma->vm_start,
		.end = vma->vm_end,
		.modes = uf_region_modes(vma->vm_flags),
		.memory = uf_region_memory_of(vma),
	};
	struct uf_region_listing *listing = seen;
	const struct uf_region *last = &listing->last;

	if (listing->count && last->end == region.start && last->modes == region.modes &&
	    last->memory == region.memory)
		region.start = last->start;
	else
		listing->count++;
	listing->last = region;
	if (listing->count <= listing->room)
		listing->list[listing->count - 1] = region;
}

long uf_region_list(struct uf_ctx *ctx, struct uf_region *list, unsigned long room)
{
	struct uf_region_listing listing = { .list = list, .room = room };

	return uf_region_see(ctx, uf_region_add_to_list, &listing) ?: listing.count;
}
