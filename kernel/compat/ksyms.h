/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of kernel functions, mm primitives most of them, that modules can't link to.
 *
 * Each is called as uf_ksym(name)(arguments): a static call, so that the processor sees a direct
 * call. That is faster than a function pointer, and needs no ENDBR at the target, which the kernel
 * may have sealed where the processor enforces IBT.
 *
 * To add one: a line in the list, UF_KSYMS_DATA for a variable; in mm_ksyms.h if not all
 * kernels have it. Its type is that of its declaration in the kernel's headers. What is declared in
 * no header that modules can include is declared in mm_ksyms.h.
 */
#ifndef UF_KSYMS_H
#define UF_KSYMS_H

#include <linux/ftrace.h>
#include <linux/static_call.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "mm_ksyms.h"

/* Without CONFIG_X86_5LEVEL the level is folded into the one above, and needs no allocation. */
#ifdef __PAGETABLE_P4D_FOLDED
#define UF_KSYMS_P4D(X)
#else
#define UF_KSYMS_P4D(X) X(__p4d_alloc, "filling")
#endif

#ifdef CONFIG_MEMCG
#define UF_KSYMS_MEMCG(X) X(__mem_cgroup_charge, "filling")
#else
#define UF_KSYMS_MEMCG(X)
#endif

#ifdef CONFIG_MMU_NOTIFIER
#define UF_KSYMS_NOTIFIER(X)							\
	X(__mmu_notifier_invalidate_range_start, "write protection and moving")	\
	X(__mmu_notifier_invalidate_range_end, "write protection and moving")
#else
#define UF_KSYMS_NOTIFIER(X)
#endif

#ifdef CONFIG_KSM
#define UF_KSYMS_KSM(X)								\
	X(ksm_madvise, "registering for write protection")			\
	UF_COMPAT_KSYMS_KSM(X)
#else
#define UF_KSYMS_KSM(X)
#endif

#ifdef CONFIG_HUGETLB_PAGE
#define UF_KSYMS_HUGETLB(X)							\
	X(huge_pte_alloc, "filling")						\
	X(huge_pte_offset, "capture")						\
	X(hugetlb_vma_lock_read, "capture and filling")				\
	X(hugetlb_vma_unlock_read, "capture and filling")			\
	X(hugetlb_fault_mutex_hash, "filling")					\
	X(hugetlb_unshare_all_pmds, "registering")				\
	UF_COMPAT_KSYMS_HUGETLB(X)
#define UF_KSYMS_DATA(X)							\
	X(hugetlb_fault_mutex_table, "filling")
#else
#define UF_KSYMS_HUGETLB(X)
#define UF_KSYMS_DATA(X)
#endif

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
#define UF_KSYMS_THP(X)								\
	X(vm_normal_page_pmd, "moving")						\
	X(pmdp_huge_clear_flush, "moving")					\
	X(pgtable_trans_huge_withdraw, "moving")				\
	X(pgtable_trans_huge_deposit, "moving")					\
	X(pmd_migration_entry_wait, "moving")
#else
#define UF_KSYMS_THP(X)
#endif

#define UF_KSYMS(X)								\
	X(ftrace_location, "taking functions over")				\
	X(__pte_alloc, "filling")						\
	X(__pmd_alloc, "filling")						\
	X(__pud_alloc, "filling")						\
	UF_KSYMS_P4D(X)								\
	X(__anon_vma_prepare, "filling")					\
	UF_KSYMS_MEMCG(X)							\
	X(vma_is_shmem, "registering and filling")				\
	X(shmem_charge, "filling")						\
	X(shmem_uncharge, "filling")						\
	X(filemap_remove_folio, "filling")					\
	X(dup_userfaultfd_complete, "events")					\
	X(userfaultfd_unmap_complete, "events")					\
	X(vma_set_page_prot, "registering")					\
	X(flush_tlb_batched_pending, "write protection and moving")		\
	UF_KSYMS_NOTIFIER(X)							\
	X(tlb_gather_mmu, "write protection")					\
	X(tlb_finish_mmu, "write protection")					\
	X(vm_normal_page, "moving")						\
	X(flush_tlb_mm_range, "moving")						\
	X(migration_entry_wait, "moving")					\
	X(get_swap_device, "moving")						\
	UF_KSYMS_KSM(X)								\
	UF_KSYMS_THP(X)								\
	UF_KSYMS_HUGETLB(X)							\
	UF_COMPAT_KSYMS(X)

#define UF_KSYM_DECLARE(name, purpose) DECLARE_STATIC_CALL(uf_ksym_##name, typeof(name));
UF_KSYMS(UF_KSYM_DECLARE)

#define uf_ksym(name) static_call(uf_ksym_##name)

/* The same for variables of the kernel: uf_ksym_data(name) is the variable. */
#define UF_KSYM_DATA_DECLARE(name, purpose) extern typeof(name) *uf_ksym_data_##name;
UF_KSYMS_DATA(UF_KSYM_DATA_DECLARE)

#define uf_ksym_data(name) (*uf_ksym_data_##name)

/*
 * Find all of them, once, at load; nothing may call uf_ksym() before. May sleep. Returns 0, or
 * -ENOENT after naming in the log each one that this kernel hasn't.
 */
int uf_ksyms_find(void);

/*
 * The address of a kernel function by name, 0 if there is none. After uf_ksyms_find(). May sleep.
 */
unsigned long uf_ksyms_lookup(const char *name);

/*
 * If the function @name is in the table, have uf_ksym(@name) call @entry from now on: an address in
 * it that does for its start. May sleep.
 */
void uf_ksyms_enter_at(const char *name, unsigned long entry);

#endif /* UF_KSYMS_H */
