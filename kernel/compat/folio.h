/* SPDX-License-Identifier: GPL-2.0-only */
/* Folios: allocation in bulk, mapping a new one, counting it. */
#ifndef UF_COMPAT_FOLIO_H
#define UF_COMPAT_FOLIO_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu_counter.h>

#include "../ksyms.h"

/* Up to @nr pages of order 0 from the local node into the slots of @pages, NULL before; how many. */
static inline unsigned int uf_compat_alloc_bulk(gfp_t gfp, unsigned int nr, struct page **pages)
{
	return alloc_pages_bulk_array(gfp, nr, pages);
}

/* rmap and LRU of an anonymous folio that nobody else can see yet. Caller holds the page-table lock. */
static inline void uf_compat_folio_add_new_anon(struct folio *folio, struct vm_area_struct *vma,
						unsigned long addr)
{
#ifdef UF_COMPAT_6_1
	uf_mm(page_add_new_anon_rmap)(&folio->page, vma, addr);
	uf_mm(lru_cache_add_inactive_or_unevictable)(&folio->page, vma);
#else
	uf_mm(folio_add_new_anon_rmap)(folio, vma, addr, RMAP_EXCLUSIVE);
	uf_mm(folio_add_lru_vma)(folio, vma);
#endif
}

/* add_mm_counter(), whose inline version calls an unexported function to trace. */
static inline void uf_compat_add_mm_counter(struct mm_struct *mm, int member, long value)
{
#ifdef UF_COMPAT_6_1
	long count = atomic_long_add_return(value, &mm->rss_stat.count[member]);

	uf_mm(mm_trace_rss_stat)(mm, member, count);
#else
	percpu_counter_add(&mm->rss_stat[member], value);
	uf_mm(mm_trace_rss_stat)(mm, member);
#endif
}

#endif /* UF_COMPAT_FOLIO_H */
