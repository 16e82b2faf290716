/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this kernel's mm has, interface by interface: the one place that asks for versions.
 *
 * The module is written for the newest shape of each interface. A row is 1 where the kernel has that
 * shape; where it is 0, the files of this folder make up for it. What a header tells (a macro, a file)
 * is asked of the header.
 *
 * Four series are compared with their sources and tested: 6.1, 6.12, 7.2 and 7.3. A row names the
 * first version that has the interface, or, where the change came somewhere between two of these
 * four, the later one. Many of these functions are private to mm, so that no compiler would notice a
 * wrong row: scripts/check-interfaces compares them with the kernel's own type information. What was
 * not compared is built only where that has passed (UF_INTERFACES_CHECKED, set by Kbuild). Of rows
 * marked [meaning] neither can tell: they say how something works, not how it is called.
 */
#ifndef UF_COMPAT_INTERFACES_H
#define UF_COMPAT_INTERFACES_H

#include <linux/version.h>

#define UF_SINCE(major, minor)	(LINUX_VERSION_CODE >= KERNEL_VERSION(major, minor, 0))
#define UF_IS(major, minor)	(UF_SINCE(major, minor) && !UF_SINCE(major, (minor) + 1))

#ifndef UF_COMPARED		/* a test says that it isn't */
#define UF_COMPARED		(UF_IS(6, 1) || UF_IS(6, 12) || UF_IS(7, 2) || UF_IS(7, 3))
#endif

#if !UF_SINCE(6, 1)
#error "userfault needs Linux 6.1 or later: before, VMAs were not kept in a maple tree."
#elif !UF_COMPARED && !defined(UF_INTERFACES_CHECKED)
#error "userfault was not compared with this kernel, only with 6.1, 6.12, 7.2 and 7.3: see scripts/check-interfaces."
#endif

/* --- contexts, and what mm calls ------------------------------------------------- */

/* struct userfaultfd_ctx is in a header, and has map_changing_lock */
#define UF_HAS_CTX_IN_HEADER		UF_SINCE(6, 9)
/* anon_inode_create_getfile(): an inode of its own for each file */
#define UF_HAS_ANON_INODE_CREATE	UF_SINCE(6, 12)
/* userfaultfd_unmap_prep() is called for each VMA */
#define UF_HAS_UNMAP_BY_VMA		UF_SINCE(6, 5)
/* dup_userfaultfd_fail() */
#define UF_HAS_FORK_FAIL		UF_SINCE(6, 12)
/* mremap_userfaultfd_fail() */
#define UF_HAS_MREMAP_FAIL		UF_SINCE(6, 17)
/* ksm_enable_merge_any() and ksm_disable_merge_any(): all memory of a process at once */
#define UF_HAS_KSM_MERGE_ANY		UF_SINCE(6, 4)
/* register_ftrace_direct() takes an ftrace_ops */
#define UF_HAS_FTRACE_DIRECT_OPS	UF_SINCE(6, 4)

/* --- VMAs --------------------------------------------------------------------------- */

/* vm_flags_reset(): the flags of a VMA are no plain word */
#define UF_HAS_VM_FLAGS_RESET		UF_SINCE(6, 3)
/* vma_start_write(): a VMA has a lock of its own */
#define UF_HAS_VMA_LOCK			UF_SINCE(6, 4)
/* assert_fault_locked(), release_fault_lock() */
#define UF_HAS_FAULT_LOCK		UF_SINCE(6, 6)
/* vma_start_read_locked(), which may fail */
#define UF_HAS_VMA_START_READ_LOCKED	UF_SINCE(6, 15)
/* An iterator that vma_prev() has taken back can be trusted to go forth again [meaning] */
#define UF_HAS_VMA_ITER_BOTH_WAYS	UF_SINCE(6, 12)
/* vma_modify_flags_uffd(), which can be told not to fail for want of memory to merge */
#define UF_HAS_VMA_MODIFY		UF_SINCE(6, 12)
/* It takes all words of the flags, by pointer */
#define UF_HAS_VMA_FLAGS_WORDS		UF_SINCE(7, 2)

/* --- page tables ----------------------------------------------------------------------- */

/* pmdp_get_lockless() */
#define UF_HAS_PMDP_GET_LOCKLESS	UF_SINCE(6, 2)
/* pte_mkwrite_novma(), pmd_mkwrite_novma() */
#define UF_HAS_MKWRITE_NOVMA		UF_SINCE(6, 6)
/* Mapping a page table takes an RCU read lock, and may fail [meaning] */
#define UF_HAS_VANISHING_PAGE_TABLES	UF_SINCE(6, 5)
/* pte_offset_map_lock() is no inline function around __pte_offset_map_lock() any more */
#define UF_HAS_LINKED_PTE_MAP_LOCK	UF_SINCE(7, 2)
/* softleaf_t for what an entry has that isn't present */
#if __has_include(<linux/leafops.h>)
#define UF_HAS_LEAF_ENTRIES		1
#else
#define UF_HAS_LEAF_ENTRIES		0
#endif
/* The bit uffd-wp is called uffd */
#define UF_HAS_UFFD_BIT			UF_SINCE(7, 3)
/* PTE_MARKER_POISONED */
#define UF_HAS_POISON_MARKER		UF_SINCE(6, 6)
/* Markers for anonymous memory, writes that mm resolves itself (UFFD_FEATURE_WP_ASYNC) */
#define UF_HAS_WP_ASYNC			UF_SINCE(6, 7)
/* UFFDIO_MOVE and UFFDIO_POISON, natively */
#define UF_HAS_NATIVE_MOVE		UF_SINCE(6, 8)
/* mmu notifiers: no VMA in the range, and secondary TLBs told when the processors' are flushed */
#define UF_HAS_NOTIFIED_TLBS		UF_SINCE(6, 6)

/* --- folios ------------------------------------------------------------------------------ */

/* lruvec_stat_mod_folio() is all there is; before, the one with __ was for callers without interrupts */
#define UF_HAS_ONE_LRUVEC_STAT		UF_SINCE(7, 2)
/* vma_alloc_folio() isn't told what THP wants */
#define UF_HAS_SHORT_VMA_ALLOC		UF_SINCE(6, 13)
/* folio_add_new_anon_rmap() takes flags; folio_add_lru_vma() */
#define UF_HAS_FOLIO_ANON_RMAP		UF_SINCE(6, 11)
/* folio_add_lru_vma() is declared in mm's own headers */
#define UF_HAS_PRIVATE_LRU_VMA		UF_SINCE(7, 3)
/* folio_add_file_rmap_ptes() */
#define UF_HAS_FOLIO_FILE_RMAP		UF_SINCE(6, 8)
/* folio_move_anon_rmap(), which leaves it to the caller whether the folio is exclusive */
#define UF_HAS_FOLIO_MOVE_ANON_RMAP	UF_SINCE(6, 7)
/* A walk of an anon_vma looks again whether the folio still belongs to it [meaning] */
#define UF_HAS_RMAP_RECHECK		UF_SINCE(6, 8)
/* rmap walks an anon_vma with the folio's lock always [meaning] */
#define UF_HAS_RMAP_BY_FOLIO_LOCK	UF_SINCE(6, 19)
/* Anonymous folios of a private mapping of a file have an index of their own */
#define UF_HAS_ANON_INDEX		UF_SINCE(7, 3)
/* __split_huge_pmd() takes no folio; folio_mk_pmd() */
#define UF_HAS_FOLIO_PMD		UF_SINCE(7, 2)
/* split_huge_page_to_list_to_order(); and since then, by the name with __ */
#define UF_HAS_SPLIT_TO_ORDER		UF_SINCE(6, 9)
#define UF_HAS_RENAMED_SPLIT_TO_ORDER	UF_SINCE(7, 2)
/* swap_cache_get_folio() takes the entry alone */
#define UF_HAS_SHORT_SWAP_CACHE_GET	UF_SINCE(7, 2)
/* folio->swap */
#define UF_HAS_FOLIO_SWAP		UF_SINCE(6, 6)
/* __folio_throttle_swaprate() */
#define UF_HAS_FOLIO_THROTTLE		UF_SINCE(6, 12)
/* mm->rss_stat has counters of each processor */
#define UF_HAS_PERCPU_RSS		UF_SINCE(6, 2)
/* change_protection() knows itself what the VMA allows */
#define UF_HAS_SHORT_CHANGE_PROTECTION	UF_SINCE(6, 3)
/* shmem_charge() is called without the lock of the page cache */
#define UF_HAS_SHMEM_CHARGE_UNLOCKED	UF_SINCE(6, 6)
/* shmem_get_folio() is for modules, and takes the end of a write */
#define UF_HAS_SHMEM_GET_FOLIO		UF_SINCE(6, 12)
/* hugetlb works on folios throughout, and has small indices in the page cache */
#define UF_HAS_HUGETLB_FOLIOS		UF_SINCE(6, 11)

/* --- what the kernel must be built with ------------------------------------------------ */

#ifndef CONFIG_X86_64
#error "userfault supports x86-64 alone: no other page tables have been tried."
#endif
#ifndef CONFIG_USERFAULTFD
#error "userfault needs CONFIG_USERFAULTFD=y: it takes over the calls that mm makes there."
#endif
#ifndef CONFIG_PTE_MARKER_UFFD_WP
#error "userfault needs CONFIG_PTE_MARKER_UFFD_WP=y: without it files' pages have no write protection."
#endif
#if !defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || !defined(CONFIG_KPROBES)
#error "userfault needs CONFIG_DYNAMIC_FTRACE_WITH_ARGS and CONFIG_KPROBES."
#endif
#ifndef CONFIG_KALLSYMS_ALL
#error "userfault needs CONFIG_KALLSYMS_ALL=y: it has to find variables of mm, too."
#endif

/*
 * Spares a variable the clearing that CONFIG_INIT_STACK_ALL_ZERO does. In the newest kernels'
 * headers.
 */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)		/* gcc 12, clang 8 */
#define __uninitialized __attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

#endif /* UF_COMPAT_INTERFACES_H */
