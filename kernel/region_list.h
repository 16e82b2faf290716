/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is registered with a context, for those who ask. These functions take the mmap lock for
 * reading only if nobody has it for writing, or waits for it: a monitor must not wait for its own
 * process, nor others for the monitor. Then they return -EBUSY; -EINTR: the caller is being killed.
 * A process that is gone has nothing registered. May sleep.
 */
#ifndef UF_REGION_LIST_H
#define UF_REGION_LIST_H

#include <linux/types.h>

struct uf_ctx;

/* How many bytes are registered in each mode. Memory that is in two modes counts twice. */
struct uf_region_bytes {
	u64 missing;
	u64 minor;
	u64 wp;
	u64 rwp;
};

int uf_region_registered(struct uf_ctx *ctx, struct uf_region_bytes *bytes);

/* Memory that is registered alike: a mapping, or several neighbours. */
struct uf_region {
	unsigned long start;
	unsigned long end;
	u64 modes;			/* UFFDIO_REGISTER_MODE_* */
	unsigned int memory;		/* USERFAULT_MEMORY_* */
};

/* List the regions by address, @room of them at most. Returns how many there are. */
long uf_region_list(struct uf_ctx *ctx, struct uf_region *list, unsigned long room);

/* The modes of a registration, UFFDIO_REGISTER_MODE_*, whose VMAs have these flags. */
static inline u64 uf_region_modes(unsigned long vm_flags)
{
	return (vm_flags & VM_UFFD_MISSING ? UFFDIO_REGISTER_MODE_MISSING : 0) |
	       (vm_flags & VM_UFFD_MINOR ? UFFDIO_REGISTER_MODE_MINOR : 0) |
	       (vm_flags & VM_UFFD_WP ? UFFDIO_REGISTER_MODE_WP : 0) |
	       (vm_flags & VM_UFFD_RWP ? UFFDIO_REGISTER_MODE_RWP : 0);
}

#endif /* UF_REGION_LIST_H */
