/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mm primitives that only some kernels have, or have in another shape; UF_COMPAT_KSYMS(X) calls
 * X(name, purpose) for each. The rest of the table is in ksyms.h.
 */
#ifndef UF_COMPAT_MM_KSYMS_H
#define UF_COMPAT_MM_KSYMS_H

#include <linux/anon_inodes.h>
#include <linux/hugetlb.h>
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/rmap.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "version.h"

/*
 * Declared in no header that modules can include, but in mm/internal.h, mm/swap.h, mm/vma.h, and
 * for others than modules in <asm/tlbflush.h>, so that the compiler can't tell when they change:
 * compare them with each kernel that is added.
 */
void flush_tlb_batched_pending(struct mm_struct *mm);
void flush_tlb_mm_range(struct mm_struct *mm, unsigned long start, unsigned long end,
			unsigned int stride_shift, bool freed_tables);
int __anon_vma_prepare(struct vm_area_struct *vma);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)	/* before, declared in <linux/swap.h> */
void folio_add_lru_vma(struct folio *folio, struct vm_area_struct *vma);
#endif
#if defined(UF_COMPAT_6_1) || defined(UF_COMPAT_6_12)
struct folio *swap_cache_get_folio(swp_entry_t entry, struct vm_area_struct *vma,
				   unsigned long addr);
#else
struct folio *swap_cache_get_folio(swp_entry_t entry);
#endif
#ifdef UF_COMPAT_6_12
typedef unsigned long uf_compat_vma_flags;
#elif !defined(UF_COMPAT_6_1)
typedef const vma_flags_t *uf_compat_vma_flags;
#endif
#ifndef UF_COMPAT_6_1
struct vm_area_struct *vma_modify_flags_uffd(struct vma_iterator *vmi, struct vm_area_struct *prev,
					     struct vm_area_struct *vma, unsigned long start,
					     unsigned long end, uf_compat_vma_flags flags,
					     struct vm_userfaultfd_ctx ctx, bool give_up_on_oom);
#endif

#ifdef UF_COMPAT_ANON_VMA_LOCK
#define UF_COMPAT_KSYMS_ANON_VMA(X)						\
	X(folio_get_anon_vma, "moving")						\
	X(__put_anon_vma, "moving")
#else
#define UF_COMPAT_KSYMS_ANON_VMA(X)
#endif

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
#define UF_COMPAT_KSYMS_SPLIT_PMD(X) X(__split_huge_pmd, "write protection and moving")
#else
#define UF_COMPAT_KSYMS_SPLIT_PMD(X)
#endif

/* How folios are split. */
#if !defined(CONFIG_TRANSPARENT_HUGEPAGE)
#define UF_COMPAT_KSYMS_SPLIT(X)
#elif defined(UF_COMPAT_6_1)
#define UF_COMPAT_KSYMS_SPLIT(X) X(split_huge_page_to_list, "moving")
#elif defined(UF_COMPAT_6_12)
#define UF_COMPAT_KSYMS_SPLIT(X) X(split_huge_page_to_list_to_order, "moving")
#else
#define UF_COMPAT_KSYMS_SPLIT(X) X(__split_huge_page_to_list_to_order, "moving")
#endif

#define UF_COMPAT_KSYMS_MOVE(X)							\
	UF_COMPAT_KSYMS_ANON_VMA(X)						\
	UF_COMPAT_KSYMS_SPLIT_PMD(X)						\
	UF_COMPAT_KSYMS_SPLIT(X)						\
	X(swap_cache_get_folio, "moving")

#ifndef UF_COMPAT_6_1
#define UF_COMPAT_KSM_ANY	/* since 6.4 a process can have all of its memory merged */
#define UF_COMPAT_KSYMS_KSM(X)							\
	X(ksm_enable_merge_any, "registering for write protection")		\
	X(ksm_disable_merge_any, "registering for write protection")
#else
#define UF_COMPAT_KSYMS_KSM(X)
#endif

#ifdef UF_COMPAT_6_1

#if defined(CONFIG_MEMCG) && defined(CONFIG_BLK_CGROUP) && defined(CONFIG_SWAP)
#define UF_COMPAT_KSYMS_THROTTLE(X)						\
	X(__cgroup_throttle_swaprate, "filling")
#else
#define UF_COMPAT_KSYMS_THROTTLE(X)
#endif

#define UF_COMPAT_KSYMS_HUGETLB(X)						\
	X(alloc_huge_page, "filling")						\
	X(restore_reserve_on_error, "filling")					\
	X(hugetlb_add_to_page_cache, "filling")					\
	X(hugepage_add_new_anon_rmap, "filling")

#ifdef CONFIG_MMU_NOTIFIER
#define UF_COMPAT_KSYMS_NOTIFIER(X) X(__mmu_notifier_invalidate_range, "moving")
#else
#define UF_COMPAT_KSYMS_NOTIFIER(X)
#endif

#define UF_COMPAT_KSYMS(X)							\
	X(anon_inode_getfile_secure, "making contexts")				\
	X(userfaultfd_unmap_prep, "events")					\
	UF_COMPAT_KSYMS_THROTTLE(X)						\
	X(page_add_file_rmap, "filling")					\
	X(shmem_get_folio, "filling")						\
	X(mm_trace_rss_stat, "filling")						\
	X(vma_merge, "registering")						\
	X(split_vma, "registering")						\
	X(page_add_new_anon_rmap, "filling")					\
	X(change_protection, "write protection")				\
	X(lru_cache_add_inactive_or_unevictable, "filling")			\
	UF_COMPAT_KSYMS_NOTIFIER(X)						\
	UF_COMPAT_KSYMS_MOVE(X)

#else

#ifdef UF_COMPAT_6_12
#define UF_COMPAT_KSYMS_PTE_LOCK(X) X(__pte_offset_map_lock, "filling")
#else
#define UF_COMPAT_KSYMS_PTE_LOCK(X) X(pte_offset_map_lock, "filling")
#endif

#if defined(CONFIG_MEMCG) && defined(CONFIG_BLK_CGROUP) && defined(CONFIG_SWAP)
#define UF_COMPAT_KSYMS_THROTTLE(X)						\
	X(__folio_throttle_swaprate, "filling")
#else
#define UF_COMPAT_KSYMS_THROTTLE(X)
#endif

#define UF_COMPAT_KSYMS_HUGETLB(X)						\
	X(alloc_hugetlb_folio, "filling")					\
	X(restore_reserve_on_error, "filling")					\
	X(hugetlb_add_to_page_cache, "filling")					\
	X(hugetlb_add_new_anon_rmap, "filling")

#ifdef CONFIG_PER_VMA_LOCK
#define UF_COMPAT_KSYMS_VMA_LOCK(X) X(lock_vma_under_rcu, "filling")
#else
#define UF_COMPAT_KSYMS_VMA_LOCK(X)
#endif

#define UF_COMPAT_KSYMS(X)							\
	UF_COMPAT_KSYMS_VMA_LOCK(X)						\
	X(dup_userfaultfd_fail, "events")					\
	UF_COMPAT_KSYMS_THROTTLE(X)						\
	X(folio_add_file_rmap_ptes, "filling")					\
	X(mm_trace_rss_stat, "filling")						\
	X(vma_modify_flags_uffd, "registering")					\
	X(folio_add_new_anon_rmap, "filling")					\
	X(folio_add_lru_vma, "filling")						\
	X(change_protection, "write protection")				\
	UF_COMPAT_KSYMS_PTE_LOCK(X)						\
	X(__pte_offset_map, "capture and filling")				\
	X(folio_move_anon_rmap, "moving")					\
	UF_COMPAT_KSYMS_MOVE(X)

#endif

#endif /* UF_COMPAT_MM_KSYMS_H */
