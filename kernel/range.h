/* SPDX-License-Identifier: GPL-2.0-only */
/* Arithmetic on ranges of addresses: pure logic. */
#ifndef UF_RANGE_H
#define UF_RANGE_H

#include <linux/mm.h>

/*
 * Check that [@start, @start + @len) is a range of user memory: whole pages long, not empty,
 * within [0, @limit). The start may lie anywhere in a page. -EINVAL.
 */
static inline int uf_range_check_unaligned(u64 start, u64 len, u64 limit)
{
	if (!len || !PAGE_ALIGNED(len))
		return -EINVAL;
	if (start >= limit || len > limit - start)
		return -EINVAL;
	return 0;
}

/* The same for a range that must start with a page. */
static inline int uf_range_check(u64 start, u64 len, u64 limit)
{
	if (!PAGE_ALIGNED(start))
		return -EINVAL;
	return uf_range_check_unaligned(start, len, limit);
}

#endif /* UF_RANGE_H */
