/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of kernel functions, mm primitives most of them, that modules can't link to.
 *
 * Each is called as uf_ksym(name)(arguments): a static call, so that the processor sees a direct call.
 * That is faster than a function pointer, and needs no ENDBR at the target, which the kernel may have
 * sealed where the processor enforces IBT.
 *
 * To add one: its type and a line in the list (UF_KSYMS_DATA for a variable); in compat/mm_ksyms.h if not all kernels have it.
 */
#ifndef UF_KSYMS_H
#define UF_KSYMS_H

#include <linux/static_call.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "compat/mm_ksyms.h"

typedef int uf___pte_alloc_fn(struct mm_struct *, pmd_t *);
typedef int uf___pmd_alloc_fn(struct mm_struct *, pud_t *, unsigned long);
typedef int uf___pud_alloc_fn(struct mm_struct *, p4d_t *, unsigned long);
typedef int uf___p4d_alloc_fn(struct mm_struct *, pgd_t *, unsigned long);
typedef int uf___anon_vma_prepare_fn(struct vm_area_struct *);
typedef int uf___mem_cgroup_charge_fn(struct folio *, struct mm_struct *, gfp_t);
typedef bool uf_vma_is_shmem_fn(struct vm_area_struct *);
typedef void uf_vma_set_page_prot_fn(struct vm_area_struct *);
typedef bool uf_shmem_charge_fn(struct inode *, long);
typedef void uf_shmem_uncharge_fn(struct inode *, long);
typedef void uf_filemap_remove_folio_fn(struct folio *);
typedef void uf_flush_tlb_batched_pending_fn(struct mm_struct *);
typedef int uf___mmu_notifier_invalidate_range_start_fn(struct mmu_notifier_range *);
typedef void uf_tlb_gather_mmu_fn(struct mmu_gather *, struct mm_struct *);
typedef void uf_tlb_finish_mmu_fn(struct mmu_gather *);
typedef struct page *uf_vm_normal_page_fn(struct vm_area_struct *, unsigned long, pte_t);
typedef struct page *uf_vm_normal_page_pmd_fn(struct vm_area_struct *, unsigned long, pmd_t);
typedef void uf_flush_tlb_mm_range_fn(struct mm_struct *, unsigned long, unsigned long, unsigned int,
				      bool);
typedef pmd_t uf_pmdp_huge_clear_flush_fn(struct vm_area_struct *, unsigned long, pmd_t *);
typedef pgtable_t uf_pgtable_trans_huge_withdraw_fn(struct mm_struct *, pmd_t *);
typedef void uf_pgtable_trans_huge_deposit_fn(struct mm_struct *, pmd_t *, pgtable_t);
typedef void uf_migration_entry_wait_fn(struct mm_struct *, pmd_t *, unsigned long);
typedef void uf_pmd_migration_entry_wait_fn(struct mm_struct *, pmd_t *);
typedef struct swap_info_struct *uf_get_swap_device_fn(swp_entry_t);
typedef unsigned long uf_ftrace_location_fn(unsigned long);
typedef void uf_dup_userfaultfd_complete_fn(struct list_head *);
typedef void uf_userfaultfd_unmap_complete_fn(struct mm_struct *, struct list_head *);

/* Without CONFIG_X86_5LEVEL the level is folded into the one above, and needs no allocation. */
#ifdef __PAGETABLE_P4D_FOLDED
#define UF_KSYMS_P4D(X)
#else
#define UF_KSYMS_P4D(X) X(__p4d_alloc, uf___p4d_alloc_fn, "filling")
#endif

#ifdef CONFIG_MEMCG
#define UF_KSYMS_MEMCG(X) X(__mem_cgroup_charge, uf___mem_cgroup_charge_fn, "filling")
#else
#define UF_KSYMS_MEMCG(X)
#endif

#ifdef CONFIG_HUGETLB_PAGE
typedef pte_t *uf_huge_pte_alloc_fn(struct mm_struct *, struct vm_area_struct *, unsigned long,
		unsigned long);
typedef pte_t *uf_huge_pte_offset_fn(struct mm_struct *, unsigned long, unsigned long);
typedef void uf_hugetlb_vma_lock_read_fn(struct vm_area_struct *);
typedef void uf_hugetlb_vma_unlock_read_fn(struct vm_area_struct *);
typedef u32 uf_hugetlb_fault_mutex_hash_fn(struct address_space *, pgoff_t);
typedef void uf_hugetlb_unshare_all_pmds_fn(struct vm_area_struct *);
#define UF_KSYMS_HUGETLB(X)							\
	X(huge_pte_alloc, uf_huge_pte_alloc_fn, "filling")			\
	X(huge_pte_offset, uf_huge_pte_offset_fn, "capture")			\
	X(hugetlb_vma_lock_read, uf_hugetlb_vma_lock_read_fn, "capture and filling") \
	X(hugetlb_vma_unlock_read, uf_hugetlb_vma_unlock_read_fn, "capture and filling") \
	X(hugetlb_fault_mutex_hash, uf_hugetlb_fault_mutex_hash_fn, "filling")	\
	X(hugetlb_unshare_all_pmds, uf_hugetlb_unshare_all_pmds_fn, "registering") \
	UF_COMPAT_KSYMS_HUGETLB(X)
#define UF_KSYMS_DATA(X)							\
	X(hugetlb_fault_mutex_table, struct mutex *, "filling")
#else
#define UF_KSYMS_HUGETLB(X)
#define UF_KSYMS_DATA(X)
#endif

#define UF_KSYMS(X)								\
	X(ftrace_location, uf_ftrace_location_fn, "taking functions over")	\
	X(__pte_alloc, uf___pte_alloc_fn, "filling")				\
	X(__pmd_alloc, uf___pmd_alloc_fn, "filling")				\
	X(__pud_alloc, uf___pud_alloc_fn, "filling")				\
	UF_KSYMS_P4D(X)								\
	X(__anon_vma_prepare, uf___anon_vma_prepare_fn, "filling")		\
	UF_KSYMS_MEMCG(X)							\
	X(vma_is_shmem, uf_vma_is_shmem_fn, "registering and filling")		\
	X(shmem_charge, uf_shmem_charge_fn, "filling")				\
	X(shmem_uncharge, uf_shmem_uncharge_fn, "filling")			\
	X(filemap_remove_folio, uf_filemap_remove_folio_fn, "filling")		\
	X(dup_userfaultfd_complete, uf_dup_userfaultfd_complete_fn, "events")	\
	X(userfaultfd_unmap_complete, uf_userfaultfd_unmap_complete_fn, "events") \
	X(vma_set_page_prot, uf_vma_set_page_prot_fn, "registering")		\
	X(flush_tlb_batched_pending, uf_flush_tlb_batched_pending_fn, "write protection") \
	X(__mmu_notifier_invalidate_range_start,				\
	  uf___mmu_notifier_invalidate_range_start_fn, "write protection and moving") \
	X(tlb_gather_mmu, uf_tlb_gather_mmu_fn, "write protection")		\
	X(tlb_finish_mmu, uf_tlb_finish_mmu_fn, "write protection")		\
	X(vm_normal_page, uf_vm_normal_page_fn, "moving")			\
	X(vm_normal_page_pmd, uf_vm_normal_page_pmd_fn, "moving")		\
	X(flush_tlb_mm_range, uf_flush_tlb_mm_range_fn, "moving")		\
	X(pmdp_huge_clear_flush, uf_pmdp_huge_clear_flush_fn, "moving")		\
	X(pgtable_trans_huge_withdraw, uf_pgtable_trans_huge_withdraw_fn, "moving") \
	X(pgtable_trans_huge_deposit, uf_pgtable_trans_huge_deposit_fn, "moving") \
	X(migration_entry_wait, uf_migration_entry_wait_fn, "moving")		\
	X(pmd_migration_entry_wait, uf_pmd_migration_entry_wait_fn, "moving")	\
	X(get_swap_device, uf_get_swap_device_fn, "moving")			\
	UF_KSYMS_HUGETLB(X)							\
	UF_COMPAT_KSYMS(X)

#define UF_KSYM_DECLARE(name, type, purpose) DECLARE_STATIC_CALL(uf_ksym_##name, type);
UF_KSYMS(UF_KSYM_DECLARE)

#define uf_ksym(name) static_call(uf_ksym_##name)

/* The same for variables of the kernel: uf_ksym_data(name) is the variable. */
#define UF_KSYM_DATA_DECLARE(name, type, purpose) extern type *uf_ksym_data_##name;
UF_KSYMS_DATA(UF_KSYM_DATA_DECLARE)

#define uf_ksym_data(name) (*uf_ksym_data_##name)

/*
 * Find all of them, once, at load; nothing may call uf_ksym() before. May sleep. Returns 0, or -ENOENT
 * after naming in the log each one that this kernel hasn't.
 */
int uf_ksyms_find(void);

/* The address of a kernel function by name, 0 if there is none. After uf_ksyms_find(). May sleep. */
unsigned long uf_ksyms_lookup(const char *name);

#endif /* UF_KSYMS_H */
