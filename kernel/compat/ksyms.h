/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of kernel functions that modules can't link to. Most of them are functions of mm.
 *
 * Call one as uf_ksym(name)(arguments). This is a static call, so that the processor sees a direct
 * call: it is faster than a function pointer, and needs no ENDBR at the target. If the processor
 * enforces IBT, the kernel may have sealed that ENDBR.
 *
 * To add a function, add a line to a list; to add a variable, add one to UF_KSYMS_DATA. Its type
 * comes from its declaration in the kernel's headers. If no header that modules can include
 * declares it, private.h has to.
 */
#ifndef UF_COMPAT_KSYMS_H
#define UF_COMPAT_KSYMS_H

#include <linux/anon_inodes.h>
#include <linux/ftrace.h>
#include <linux/hugetlb.h>
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/ptrace.h>
#include <linux/rmap.h>
#include <linux/shmem_fs.h>
#include <linux/static_call.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "interfaces.h"
#include "private.h"

/* --- contexts, and what mm calls ------------------------------------------------- */

#if UF_HAS_ANON_INODE_CREATE
#define UF_KSYMS_ANON_INODE(X)
#else
#define UF_KSYMS_ANON_INODE(X) X(anon_inode_getfile_secure, "making contexts")
#endif

#if UF_HAS_FORK_FAIL
#define UF_KSYMS_FORK_FAIL(X) X(dup_userfaultfd_fail, "events")
#else
#define UF_KSYMS_FORK_FAIL(X)
#endif

#if UF_HAS_UNMAP_BY_VMA
#define UF_KSYMS_UNMAP(X)
#else
#define UF_KSYMS_UNMAP(X) X(userfaultfd_unmap_prep, "events")
#endif

#if !defined(CONFIG_KSM)
#define UF_KSYMS_KSM(X)
#elif UF_HAS_KSM_MERGE_ANY
#define UF_KSYMS_KSM(X)								\
	X(ksm_madvise, "registering for write protection")			\
	X(ksm_enable_merge_any, "registering for write protection")		\
	X(ksm_disable_merge_any, "registering for write protection")
#else
#define UF_KSYMS_KSM(X) X(ksm_madvise, "registering for write protection")
#endif

/* --- VMAs ---------------------------------------------------------------------------- */

#if UF_HAS_VMA_MODIFY
#define UF_KSYMS_VMA_MODIFY(X) X(vma_modify_flags_uffd, "registering")
#else
#define UF_KSYMS_VMA_MODIFY(X)							\
	X(vma_merge, "registering")						\
	X(split_vma, "registering")
#endif

#if UF_HAS_FILL_BY_VMA_LOCK
#define UF_KSYMS_VMA_LOCK(X) X(lock_vma_under_rcu, "filling and moving")
#else
#define UF_KSYMS_VMA_LOCK(X)
#endif

/* --- page tables --------------------------------------------------------------------- */

/* Without CONFIG_X86_5LEVEL the p4d level is folded into the pgd, and needs no allocation. */
#ifdef __PAGETABLE_P4D_FOLDED
#define UF_KSYMS_P4D(X)
#else
#define UF_KSYMS_P4D(X) X(__p4d_alloc, "filling")
#endif

#if !UF_HAS_VANISHING_PAGE_TABLES
#define UF_KSYMS_PTE_MAP(X)
#elif UF_HAS_LINKED_PTE_MAP_LOCK
#define UF_KSYMS_PTE_MAP(X)							\
	X(__pte_offset_map, "capture and filling")				\
	X(pte_offset_map_lock, "filling")
#else
#define UF_KSYMS_PTE_MAP(X)							\
	X(__pte_offset_map, "capture and filling")				\
	X(__pte_offset_map_lock, "filling")
#endif

#if !defined(CONFIG_MMU_NOTIFIER)
#define UF_KSYMS_NOTIFIER(X)
#elif UF_HAS_NOTIFIED_TLBS
#define UF_KSYMS_NOTIFIER(X)							\
	X(__mmu_notifier_invalidate_range_start, "write protection and moving")	\
	X(__mmu_notifier_invalidate_range_end, "write protection and moving")
#else
#define UF_KSYMS_NOTIFIER(X)							\
	X(__mmu_notifier_invalidate_range_start, "write protection and moving")	\
	X(__mmu_notifier_invalidate_range, "moving")				\
	X(__mmu_notifier_invalidate_range_end, "write protection and moving")
#endif

/* --- folios --------------------------------------------------------------------------- */

#ifdef CONFIG_MEMCG
#define UF_KSYMS_MEMCG(X) X(__mem_cgroup_charge, "filling")
#else
#define UF_KSYMS_MEMCG(X)
#endif

#if !defined(CONFIG_MEMCG) || !defined(CONFIG_BLK_CGROUP) || !defined(CONFIG_SWAP)
#define UF_KSYMS_THROTTLE(X)
#elif UF_HAS_FOLIO_THROTTLE
#define UF_KSYMS_THROTTLE(X) X(__folio_throttle_swaprate, "filling")
#else
#define UF_KSYMS_THROTTLE(X) X(__cgroup_throttle_swaprate, "filling")
#endif

#if UF_HAS_FOLIO_ANON_RMAP
#define UF_KSYMS_ANON_RMAP(X)							\
	X(folio_add_new_anon_rmap, "filling")					\
	X(folio_add_lru_vma, "filling")
#else
#define UF_KSYMS_ANON_RMAP(X)							\
	X(page_add_new_anon_rmap, "filling")					\
	X(lru_cache_add_inactive_or_unevictable, "filling")
#endif

#if UF_HAS_FOLIO_FILE_RMAP
#define UF_KSYMS_FILE_RMAP(X) X(folio_add_file_rmap_ptes, "filling")
#else
#define UF_KSYMS_FILE_RMAP(X) X(page_add_file_rmap, "filling")
#endif

#if UF_HAS_SHMEM_GET_FOLIO
#define UF_KSYMS_SHMEM_GET(X)
#else
#define UF_KSYMS_SHMEM_GET(X) X(shmem_get_folio, "filling")
#endif

#if UF_HAS_FOLIO_MOVE_ANON_RMAP
#define UF_KSYMS_MOVE_RMAP(X) X(folio_move_anon_rmap, "moving")
#else
#define UF_KSYMS_MOVE_RMAP(X)
#endif

#if UF_HAS_RMAP_BY_FOLIO_LOCK
#define UF_KSYMS_ANON_VMA(X)
#else
#define UF_KSYMS_ANON_VMA(X)							\
	X(folio_get_anon_vma, "moving")						\
	X(__put_anon_vma, "moving")
#endif

#if UF_HAS_RENAMED_SPLIT_TO_ORDER
#define UF_KSYMS_SPLIT(X) X(__split_huge_page_to_list_to_order, "moving")
#elif UF_HAS_SPLIT_TO_ORDER
#define UF_KSYMS_SPLIT(X) X(split_huge_page_to_list_to_order, "moving")
#else
#define UF_KSYMS_SPLIT(X) X(split_huge_page_to_list, "moving")
#endif

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
#define UF_KSYMS_THP(X)								\
	X(vm_normal_page_pmd, "moving")						\
	X(pmdp_huge_clear_flush, "moving")					\
	X(pgtable_trans_huge_withdraw, "moving")				\
	X(pgtable_trans_huge_deposit, "moving")					\
	X(pmd_migration_entry_wait, "moving")					\
	X(__split_huge_pmd, "write protection and moving")			\
	UF_KSYMS_SPLIT(X)
#else
#define UF_KSYMS_THP(X)
#endif

#if UF_HAS_HUGETLB_FOLIOS
#define UF_KSYMS_HUGETLB_FOLIOS(X)						\
	X(alloc_hugetlb_folio, "filling")					\
	X(hugetlb_add_new_anon_rmap, "filling")
#else
#define UF_KSYMS_HUGETLB_FOLIOS(X)						\
	X(alloc_huge_page, "filling")						\
	X(hugepage_add_new_anon_rmap, "filling")
#endif

#ifdef CONFIG_HUGETLB_PAGE
#define UF_KSYMS_HUGETLB(X)							\
	X(huge_pte_alloc, "filling")						\
	X(huge_pte_offset, "capture")						\
	X(hugetlb_vma_lock_read, "capture and filling")				\
	X(hugetlb_vma_unlock_read, "capture and filling")			\
	X(hugetlb_fault_mutex_hash, "filling")					\
	X(hugetlb_unshare_all_pmds, "registering")				\
	X(restore_reserve_on_error, "filling")					\
	X(hugetlb_add_to_page_cache, "filling")					\
	UF_KSYMS_HUGETLB_FOLIOS(X)
#define UF_KSYMS_DATA(X)							\
	X(hugetlb_fault_mutex_table, "filling")
#else
#define UF_KSYMS_HUGETLB(X)
#define UF_KSYMS_DATA(X)
#endif

#define UF_KSYMS(X)								\
	X(ftrace_location, "taking functions over")				\
	X(ptrace_may_access, "showing contexts")				\
	X(dup_userfaultfd_complete, "events")					\
	X(userfaultfd_unmap_complete, "events")					\
	UF_KSYMS_ANON_INODE(X)							\
	UF_KSYMS_FORK_FAIL(X)							\
	UF_KSYMS_UNMAP(X)							\
	UF_KSYMS_KSM(X)								\
	X(__anon_vma_prepare, "filling")					\
	X(vma_is_shmem, "registering and filling")				\
	X(vma_set_page_prot, "registering")					\
	UF_KSYMS_VMA_MODIFY(X)							\
	UF_KSYMS_VMA_LOCK(X)							\
	X(__pte_alloc, "filling")						\
	X(__pmd_alloc, "filling")						\
	X(__pud_alloc, "filling")						\
	UF_KSYMS_P4D(X)								\
	UF_KSYMS_PTE_MAP(X)							\
	X(change_protection, "write protection")				\
	X(tlb_gather_mmu, "write protection")					\
	X(tlb_finish_mmu, "write protection")					\
	X(flush_tlb_batched_pending, "write protection and moving")		\
	X(flush_tlb_mm_range, "moving")						\
	UF_KSYMS_NOTIFIER(X)							\
	UF_KSYMS_MEMCG(X)							\
	UF_KSYMS_THROTTLE(X)							\
	UF_KSYMS_ANON_RMAP(X)							\
	UF_KSYMS_FILE_RMAP(X)							\
	X(mm_trace_rss_stat, "filling")						\
	X(shmem_charge, "filling")						\
	X(shmem_uncharge, "filling")						\
	UF_KSYMS_SHMEM_GET(X)							\
	X(filemap_remove_folio, "filling")					\
	X(vm_normal_page, "moving")						\
	X(migration_entry_wait, "moving")					\
	X(get_swap_device, "moving")						\
	X(swap_cache_get_folio, "moving")					\
	UF_KSYMS_MOVE_RMAP(X)							\
	UF_KSYMS_ANON_VMA(X)							\
	UF_KSYMS_THP(X)								\
	UF_KSYMS_HUGETLB(X)

#define UF_KSYM_DECLARE(name, purpose) DECLARE_STATIC_CALL(uf_ksym_##name, typeof(name));
UF_KSYMS(UF_KSYM_DECLARE)

#define uf_ksym(name) static_call(uf_ksym_##name)

/* The same for variables of the kernel: uf_ksym_data(name) is the variable. */
#define UF_KSYM_DATA_DECLARE(name, purpose) extern typeof(name) *uf_ksym_data_##name;
UF_KSYMS_DATA(UF_KSYM_DATA_DECLARE)

#define uf_ksym_data(name) (*uf_ksym_data_##name)

/*
 * Find all of them, once, at load; nothing may call uf_ksym() before. May sleep. Returns 0; -ENOENT
 * after it has named in the log each one that this kernel doesn't have; or the error of a kprobe.
 */
int uf_ksyms_find(void);

/*
 * The address of a kernel function by name, 0 if there is none. After uf_ksyms_find(). May sleep.
 */
unsigned long uf_ksyms_lookup(const char *name);

/*
 * If the function @name is in the table, have uf_ksym(@name) call @entry from now on. @entry is an
 * address in the function that can be called instead of its start. May sleep.
 */
void uf_ksyms_enter_at(const char *name, unsigned long entry);

#endif /* UF_COMPAT_KSYMS_H */
