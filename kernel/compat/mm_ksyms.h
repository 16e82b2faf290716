/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mm primitives that only some kernels have, or have in another shape; UF_COMPAT_KSYMS(X) calls
 * X(name, type, purpose) for each. The rest of the table is in ../ksyms.h.
 */
#ifndef UF_COMPAT_MM_KSYMS_H
#define UF_COMPAT_MM_KSYMS_H

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/rmap.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "version.h"

#ifdef UF_COMPAT_ANON_VMA_LOCK
typedef struct anon_vma *uf_folio_get_anon_vma_fn(struct folio *);
typedef void uf___put_anon_vma_fn(struct anon_vma *);
#define UF_COMPAT_KSYMS_ANON_VMA(X)					\
	X(folio_get_anon_vma, uf_folio_get_anon_vma_fn, "moving")	\
	X(__put_anon_vma, uf___put_anon_vma_fn, "moving")
#else
#define UF_COMPAT_KSYMS_ANON_VMA(X)
#endif

#if defined(UF_COMPAT_6_1) || defined(UF_COMPAT_6_12)
typedef void uf___split_huge_pmd_fn(struct vm_area_struct *, pmd_t *, unsigned long, bool,
				    struct folio *);
typedef struct folio *uf_swap_cache_get_folio_fn(swp_entry_t, struct vm_area_struct *, unsigned long);
#else
typedef void uf___split_huge_pmd_fn(struct vm_area_struct *, pmd_t *, unsigned long, bool);
typedef struct folio *uf_swap_cache_get_folio_fn(swp_entry_t);
#endif

#define UF_COMPAT_KSYMS_MOVE(X)						\
	UF_COMPAT_KSYMS_ANON_VMA(X)					\
	X(__split_huge_pmd, uf___split_huge_pmd_fn, "write protection and moving")		\
	X(swap_cache_get_folio, uf_swap_cache_get_folio_fn, "moving")	\
	X(__mmu_notifier_invalidate_range_end,				\
	  uf___mmu_notifier_invalidate_range_end_fn, "write protection and moving")

#ifdef UF_COMPAT_6_1

typedef void uf_mm_trace_rss_stat_fn(struct mm_struct *, int, long);
typedef struct vm_area_struct *uf_vma_merge_fn(struct mm_struct *, struct vm_area_struct *,
		unsigned long, unsigned long, unsigned long, struct anon_vma *, struct file *,
		pgoff_t, struct mempolicy *, struct vm_userfaultfd_ctx, struct anon_vma_name *);
typedef int uf_split_vma_fn(struct mm_struct *, struct vm_area_struct *, unsigned long, int);
typedef void uf_page_add_new_anon_rmap_fn(struct page *, struct vm_area_struct *, unsigned long);
typedef void uf_lru_cache_add_inactive_or_unevictable_fn(struct page *, struct vm_area_struct *);
typedef struct file *uf_anon_inode_getfile_secure_fn(const char *, const struct file_operations *,
		void *, int, const struct inode *);
typedef int uf_userfaultfd_unmap_prep_fn(struct mm_struct *, unsigned long, unsigned long,
		struct list_head *);
typedef long uf_change_protection_fn(struct mmu_gather *, struct vm_area_struct *, unsigned long,
		unsigned long, pgprot_t, unsigned long);
typedef void uf_page_add_file_rmap_fn(struct page *, struct vm_area_struct *, bool);
typedef int uf_shmem_get_folio_fn(struct inode *, pgoff_t, struct folio **, enum sgp_type);

#if defined(CONFIG_MEMCG) && defined(CONFIG_BLK_CGROUP) && defined(CONFIG_SWAP)
typedef void uf___cgroup_throttle_swaprate_fn(struct page *, gfp_t);
#define UF_COMPAT_KSYMS_THROTTLE(X)					\
	X(__cgroup_throttle_swaprate, uf___cgroup_throttle_swaprate_fn, "filling")
#else
#define UF_COMPAT_KSYMS_THROTTLE(X)
#endif
typedef int uf_split_huge_page_to_list_fn(struct page *, struct list_head *);
typedef void uf___mmu_notifier_invalidate_range_end_fn(struct mmu_notifier_range *, bool);

typedef struct page *uf_alloc_huge_page_fn(struct vm_area_struct *, unsigned long, int);
typedef void uf_restore_reserve_on_error_fn(struct hstate *, struct vm_area_struct *,
		unsigned long, struct page *);
typedef int uf_hugetlb_add_to_page_cache_fn(struct page *, struct address_space *, pgoff_t);
typedef void uf_hugepage_add_new_anon_rmap_fn(struct page *, struct vm_area_struct *,
		unsigned long);
#define UF_COMPAT_KSYMS_HUGETLB(X)					\
	X(alloc_huge_page, uf_alloc_huge_page_fn, "filling")		\
	X(restore_reserve_on_error, uf_restore_reserve_on_error_fn, "filling") \
	X(hugetlb_add_to_page_cache, uf_hugetlb_add_to_page_cache_fn, "filling") \
	X(hugepage_add_new_anon_rmap, uf_hugepage_add_new_anon_rmap_fn, "filling")

#define UF_COMPAT_KSYMS(X)						\
	X(anon_inode_getfile_secure, uf_anon_inode_getfile_secure_fn, "making contexts") \
	X(userfaultfd_unmap_prep, uf_userfaultfd_unmap_prep_fn, "events")	\
	UF_COMPAT_KSYMS_THROTTLE(X)					\
	X(page_add_file_rmap, uf_page_add_file_rmap_fn, "filling")	\
	X(shmem_get_folio, uf_shmem_get_folio_fn, "filling")		\
	X(mm_trace_rss_stat, uf_mm_trace_rss_stat_fn, "filling")	\
	X(vma_merge, uf_vma_merge_fn, "registering")			\
	X(split_vma, uf_split_vma_fn, "registering")			\
	X(page_add_new_anon_rmap, uf_page_add_new_anon_rmap_fn, "filling") \
	X(change_protection, uf_change_protection_fn, "write protection") \
	X(lru_cache_add_inactive_or_unevictable,			\
	  uf_lru_cache_add_inactive_or_unevictable_fn, "filling")	\
	X(split_huge_page_to_list, uf_split_huge_page_to_list_fn, "moving") \
	UF_COMPAT_KSYMS_MOVE(X)

#else

#ifdef UF_COMPAT_6_12
typedef unsigned long uf_compat_vma_flags;
#define UF_COMPAT_KSYMS_PTE_LOCK(X) X(__pte_offset_map_lock, uf_pte_offset_map_lock_fn, "filling")
#define UF_COMPAT_KSYMS_SPLIT(X) \
	X(split_huge_page_to_list_to_order, uf_split_huge_page_fn, "moving")
#else
typedef const vma_flags_t *uf_compat_vma_flags;
#define UF_COMPAT_KSYMS_PTE_LOCK(X) X(pte_offset_map_lock, uf_pte_offset_map_lock_fn, "filling")
#define UF_COMPAT_KSYMS_SPLIT(X) \
	X(__split_huge_page_to_list_to_order, uf_split_huge_page_fn, "moving")
#endif

typedef void uf_mm_trace_rss_stat_fn(struct mm_struct *, int);
typedef struct vm_area_struct *uf_vma_modify_flags_uffd_fn(struct vma_iterator *,
		struct vm_area_struct *, struct vm_area_struct *, unsigned long, unsigned long,
		uf_compat_vma_flags, struct vm_userfaultfd_ctx, bool);
typedef void uf_folio_add_new_anon_rmap_fn(struct folio *, struct vm_area_struct *,
		unsigned long, rmap_t);
typedef void uf_folio_add_lru_vma_fn(struct folio *, struct vm_area_struct *);
typedef void uf_dup_userfaultfd_fail_fn(struct list_head *);
typedef long uf_change_protection_fn(struct mmu_gather *, struct vm_area_struct *, unsigned long,
		unsigned long, unsigned long);
typedef int uf_split_huge_page_fn(struct page *, struct list_head *, unsigned int);
typedef void uf_folio_move_anon_rmap_fn(struct folio *, struct vm_area_struct *);
typedef void uf___mmu_notifier_invalidate_range_end_fn(struct mmu_notifier_range *);
typedef pte_t *uf___pte_offset_map_fn(pmd_t *, unsigned long, pmd_t *);
typedef pte_t *uf_pte_offset_map_lock_fn(struct mm_struct *, pmd_t *, unsigned long,
		spinlock_t **);

typedef void uf_folio_add_file_rmap_ptes_fn(struct folio *, struct page *, int,
		struct vm_area_struct *);

#if defined(CONFIG_MEMCG) && defined(CONFIG_BLK_CGROUP) && defined(CONFIG_SWAP)
typedef void uf___folio_throttle_swaprate_fn(struct folio *, gfp_t);
#define UF_COMPAT_KSYMS_THROTTLE(X)					\
	X(__folio_throttle_swaprate, uf___folio_throttle_swaprate_fn, "filling")
#else
#define UF_COMPAT_KSYMS_THROTTLE(X)
#endif

typedef struct folio *uf_alloc_hugetlb_folio_fn(struct vm_area_struct *, unsigned long, bool);
typedef void uf_restore_reserve_on_error_fn(struct hstate *, struct vm_area_struct *,
		unsigned long, struct folio *);
typedef int uf_hugetlb_add_to_page_cache_fn(struct folio *, struct address_space *, pgoff_t);
typedef void uf_hugetlb_add_new_anon_rmap_fn(struct folio *, struct vm_area_struct *,
		unsigned long);
#define UF_COMPAT_KSYMS_HUGETLB(X)					\
	X(alloc_hugetlb_folio, uf_alloc_hugetlb_folio_fn, "filling")	\
	X(restore_reserve_on_error, uf_restore_reserve_on_error_fn, "filling") \
	X(hugetlb_add_to_page_cache, uf_hugetlb_add_to_page_cache_fn, "filling") \
	X(hugetlb_add_new_anon_rmap, uf_hugetlb_add_new_anon_rmap_fn, "filling")

#ifdef CONFIG_PER_VMA_LOCK
typedef struct vm_area_struct *uf_lock_vma_under_rcu_fn(struct mm_struct *, unsigned long);
#define UF_COMPAT_KSYMS_VMA_LOCK(X) X(lock_vma_under_rcu, uf_lock_vma_under_rcu_fn, "filling")
#else
#define UF_COMPAT_KSYMS_VMA_LOCK(X)
#endif

#define UF_COMPAT_KSYMS(X)						\
	UF_COMPAT_KSYMS_VMA_LOCK(X)					\
	X(dup_userfaultfd_fail, uf_dup_userfaultfd_fail_fn, "events")	\
	UF_COMPAT_KSYMS_THROTTLE(X)					\
	X(folio_add_file_rmap_ptes, uf_folio_add_file_rmap_ptes_fn, "filling") \
	X(mm_trace_rss_stat, uf_mm_trace_rss_stat_fn, "filling")	\
	X(vma_modify_flags_uffd, uf_vma_modify_flags_uffd_fn, "registering") \
	X(folio_add_new_anon_rmap, uf_folio_add_new_anon_rmap_fn, "filling") \
	X(folio_add_lru_vma, uf_folio_add_lru_vma_fn, "filling")	\
	X(change_protection, uf_change_protection_fn, "write protection") \
	UF_COMPAT_KSYMS_PTE_LOCK(X)					\
	X(__pte_offset_map, uf___pte_offset_map_fn, "capture and filling") \
	UF_COMPAT_KSYMS_SPLIT(X)					\
	X(folio_move_anon_rmap, uf_folio_move_anon_rmap_fn, "moving")	\
	UF_COMPAT_KSYMS_MOVE(X)

#endif

#endif /* UF_COMPAT_MM_KSYMS_H */
