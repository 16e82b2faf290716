/* SPDX-License-Identifier: GPL-2.0-only */
/* Folios: allocating them in bulk, charging, mapping and counting them. */
#ifndef UF_COMPAT_FOLIO_H
#define UF_COMPAT_FOLIO_H

#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/percpu_counter.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "ksyms.h"

#ifndef alloc_pages_bulk	/* before 6.14, by another name */
#define alloc_pages_bulk(gfp, nr, pages) alloc_pages_bulk_array(gfp, nr, pages)
#endif

#if __has_include(<linux/folio_batch.h>)
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

#if !UF_HAS_ONE_LRUVEC_STAT	/* our callers have interrupts off */
#define lruvec_stat_mod_folio(folio, item, nr) __lruvec_stat_mod_folio(folio, item, nr)
#endif

/*
 * Allocate a folio for @addr by @vma's memory policy; or NULL.
 */
static inline struct folio *uf_compat_vma_alloc_folio(gfp_t gfp, int order,
						      struct vm_area_struct *vma,
						      unsigned long addr)
{
#if UF_HAS_SHORT_VMA_ALLOC
	return vma_alloc_folio(gfp, order, vma, addr);
#else
	return vma_alloc_folio(gfp, order, vma, addr, false);
#endif
}

/* Charge a new folio to the cgroup of @mm's owner; may sleep. ENOMEM. */
static inline int uf_compat_mem_cgroup_charge(struct folio *folio, struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	if (!mem_cgroup_disabled())
		return uf_ksym(__mem_cgroup_charge)(folio, mm, GFP_KERNEL);
#endif
	return 0;
}

/*
 * Add an anonymous folio, which nobody else can see yet, to rmap and to the LRU. The caller holds
 * the page-table lock.
 */
static inline void uf_compat_folio_add_new_anon(struct folio *folio, struct vm_area_struct *vma,
						unsigned long addr)
{
#if !UF_HAS_FOLIO_ANON_RMAP
	uf_ksym(page_add_new_anon_rmap)(&folio->page, vma, addr);
	uf_ksym(lru_cache_add_inactive_or_unevictable)(&folio->page, vma);
#else
	uf_ksym(folio_add_new_anon_rmap)(folio, vma, addr, RMAP_EXCLUSIVE);
	uf_ksym(folio_add_lru_vma)(folio, vma);
#endif
}

/* Add @page of a page-cache folio to rmap. The caller holds the page-table and the folio's lock. */
static inline void uf_compat_folio_add_file_rmap(struct folio *folio, struct page *page,
						 struct vm_area_struct *vma)
{
#if !UF_HAS_FOLIO_FILE_RMAP
	uf_ksym(page_add_file_rmap)(page, vma, false);
#else
	uf_ksym(folio_add_file_rmap_ptes)(folio, page, 1, vma);
#endif
}

/*
 * Count a page that was added to shmem's page cache. The caller holds the page
 * cache's lock, with interrupts off.
 */
static inline void uf_compat_count_cached_shmem(struct folio *folio)
{
	lockdep_assert_held(&folio->mapping->i_pages.xa_lock);

	lruvec_stat_mod_folio(folio, NR_FILE_PAGES, 1);
	lruvec_stat_mod_folio(folio, NR_SHMEM, 1);
}

/* If @folio's cgroup swaps too much, have the current thread wait for the disk later. */
static inline void uf_compat_throttle_swaprate(struct folio *folio, gfp_t gfp)
{
#if defined(CONFIG_MEMCG) && defined(CONFIG_BLK_CGROUP) && defined(CONFIG_SWAP)
	if (mem_cgroup_disabled())
		return;
#if !UF_HAS_FOLIO_THROTTLE
	uf_ksym(__cgroup_throttle_swaprate)(&folio->page, gfp);
#else
	uf_ksym(__folio_throttle_swaprate)(folio, gfp);
#endif
#endif
}

/* As add_mm_counter(), whose inline version calls a function for tracing that isn't exported. */
static inline void uf_compat_add_mm_counter(struct mm_struct *mm, int member, long value)
{
#if !UF_HAS_PERCPU_RSS
	long count = atomic_long_add_return(value, &mm->rss_stat.count[member]);

	uf_ksym(mm_trace_rss_stat)(mm, member, count);
#else
	percpu_counter_add(&mm->rss_stat[member], value);
	uf_ksym(mm_trace_rss_stat)(mm, member);
#endif
}

#endif /* UF_COMPAT_FOLIO_H */
