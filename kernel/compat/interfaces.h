/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this kernel's mm has, interface by interface. Only this file asks for versions.
 *
 * The module is written for the newest shape of each interface. A row is 1 if the kernel has that
 * shape; if it is 0, the files in this folder provide the shape. If a header can tell (by a macro,
 * or because the file exists), the header is tested instead of the version.
 *
 * Four series were compared with their sources and tested: 6.1, 6.12, 7.2 and 7.3. A row names the
 * first version that has the interface; if we know only that the change came between two of these
 * four, it names the later one. Many of these functions are private to mm, and the compiler doesn't
 * notice a wrong row for them: so scripts/check-interfaces compares them with the kernel's own type
 * information. A series that was not compared is built only if this check has passed
 * (UF_INTERFACES_CHECKED, set by Kbuild). Neither compiler nor check can tell whether a row marked
 * [meaning] is right: such a row says how something works, not how it is called.
 */
#ifndef UF_COMPAT_INTERFACES_H
#define UF_COMPAT_INTERFACES_H

#include <linux/version.h>

#define UF_SINCE(major, minor)	(LINUX_VERSION_CODE >= KERNEL_VERSION(major, minor, 0))
#define UF_IS(major, minor)	(UF_SINCE(major, minor) && !UF_SINCE(major, (minor) + 1))

#ifndef UF_COMPARED		/* a test defines it as 0 */
#define UF_COMPARED		(UF_IS(6, 1) || UF_IS(6, 12) || UF_IS(7, 2) || UF_IS(7, 3))
#endif

#if !UF_SINCE(6, 1)
#error "userfault needs Linux 6.1 or later: before, VMAs were not kept in a maple tree."
#elif !UF_COMPARED && !defined(UF_INTERFACES_CHECKED)
#error "userfault was not compared with this kernel, only with 6.1, 6.12, 7.2 and 7.3: see scripts/check-interfaces."
#endif

/* --- contexts, and what mm calls ------------------------------------------------- */

/* struct userfaultfd_ctx is in a header, and has map_changing_lock, which ours leave alone */
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

/* genl_info_dump(): a dump has a struct genl_info, too */
#define UF_HAS_GENL_INFO_IN_DUMP	UF_SINCE(6, 7)

/* --- VMAs --------------------------------------------------------------------------- */

/* vm_flags_reset(): the flags of a VMA are no longer a plain word */
#define UF_HAS_VM_FLAGS_RESET		UF_SINCE(6, 3)
/* vma_start_write(): a VMA has a lock of its own */
#define UF_HAS_VMA_LOCK			UF_SINCE(6, 4)
/* A fill or a move holds the VMA's lock alone, as natively: not before 6.9 */
#if defined(CONFIG_PER_VMA_LOCK) && UF_HAS_CTX_IN_HEADER
#define UF_HAS_FILL_BY_VMA_LOCK		1
#else
#define UF_HAS_FILL_BY_VMA_LOCK		0
#endif
/* vm_lock_seq: a VMA knows the last hold of the mmap lock for writing in which it was locked */
#define UF_HAS_VMA_HOLD			IS_ENABLED(CONFIG_PER_VMA_LOCK)
/* assert_fault_locked(), release_fault_lock() */
#define UF_HAS_FAULT_LOCK		UF_SINCE(6, 6)
/* vma_start_read_locked(), which may fail */
#define UF_HAS_VMA_START_READ_LOCKED	UF_SINCE(6, 15)
/* After vma_prev() an iterator can go forward again [meaning] */
#define UF_HAS_VMA_ITER_BOTH_WAYS	UF_SINCE(6, 12)
/* vma_modify_flags_uffd(), which can be told not to fail if there is no memory to merge */
#define UF_HAS_VMA_MODIFY		UF_SINCE(6, 12)
/* vma_modify_flags_uffd() takes all words of the flags, by pointer */
#define UF_HAS_VMA_FLAGS_WORDS		UF_SINCE(7, 2)

/* --- page tables ----------------------------------------------------------------------- */

/* pmdp_get_lockless() */
#define UF_HAS_PMDP_GET_LOCKLESS	UF_SINCE(6, 2)
/* pte_mkwrite_novma(), pmd_mkwrite_novma() */
#define UF_HAS_MKWRITE_NOVMA		UF_SINCE(6, 6)
/* Mapping a page table takes an RCU read lock, and may fail [meaning] */
#define UF_HAS_VANISHING_PAGE_TABLES	UF_SINCE(6, 5)
/* pte_offset_map_lock() is no longer an inline function around __pte_offset_map_lock() */
#define UF_HAS_LINKED_PTE_MAP_LOCK	UF_SINCE(7, 2)
/* softleaf_t: what an entry holds that isn't present */
#if __has_include(<linux/leafops.h>)
#define UF_HAS_LEAF_ENTRIES		1
#else
#define UF_HAS_LEAF_ENTRIES		0
#endif
/* The bit uffd-wp is called uffd */
#define UF_HAS_UFFD_BIT			UF_SINCE(7, 3)
/* PTE_MARKER_POISONED */
#define UF_HAS_POISON_MARKER		UF_SINCE(6, 6)
/* Markers for anonymous memory; mm resolves writes itself (UFFD_FEATURE_WP_ASYNC) */
#define UF_HAS_WP_ASYNC			UF_SINCE(6, 7)
/* UFFDIO_MOVE and UFFDIO_POISON, natively */
#define UF_HAS_NATIVE_MOVE		UF_SINCE(6, 8)
/* mmu notifiers: the range names no VMA, and a flush of the TLBs tells secondary TLBs too */
#define UF_HAS_NOTIFIED_TLBS		UF_SINCE(6, 6)

/* --- folios ------------------------------------------------------------------------------ */

/* lruvec_stat_mod_folio() alone; before, the one with __ was for callers with interrupts off */
#define UF_HAS_ONE_LRUVEC_STAT		UF_SINCE(7, 2)
/* vma_alloc_folio() has no argument about THP */
#define UF_HAS_SHORT_VMA_ALLOC		UF_SINCE(6, 13)
/* folio_add_new_anon_rmap() takes flags; folio_add_lru_vma() */
#define UF_HAS_FOLIO_ANON_RMAP		UF_SINCE(6, 11)
/* folio_add_lru_vma() is declared in mm's own headers */
#define UF_HAS_PRIVATE_LRU_VMA		UF_SINCE(7, 3)
/* folio_add_file_rmap_ptes() */
#define UF_HAS_FOLIO_FILE_RMAP		UF_SINCE(6, 8)
/* folio_move_anon_rmap(), which leaves it to the caller whether the folio is exclusive */
#define UF_HAS_FOLIO_MOVE_ANON_RMAP	UF_SINCE(6, 7)
/* rmap checks, after locking an anon_vma, that the folio still belongs to it [meaning] */
#define UF_HAS_RMAP_RECHECK		UF_SINCE(6, 8)
/* rmap always holds the folio's lock when it walks an anon_vma [meaning] */
#define UF_HAS_RMAP_BY_FOLIO_LOCK	UF_SINCE(6, 19)
/* Anonymous folios of a private mapping of a file have an index of their own */
#define UF_HAS_ANON_INDEX		UF_SINCE(7, 3)
/* __split_huge_pmd() takes no folio; folio_mk_pmd() */
#define UF_HAS_FOLIO_PMD		UF_SINCE(7, 2)
/* split_huge_page_to_list_to_order() */
#define UF_HAS_SPLIT_TO_ORDER		UF_SINCE(6, 9)
/* The same, with __ before the name */
#define UF_HAS_RENAMED_SPLIT_TO_ORDER	UF_SINCE(7, 2)
/* swap_cache_get_folio() takes only the entry */
#define UF_HAS_SHORT_SWAP_CACHE_GET	UF_SINCE(7, 2)
/* folio->swap */
#define UF_HAS_FOLIO_SWAP		UF_SINCE(6, 6)
/* __folio_throttle_swaprate() */
#define UF_HAS_FOLIO_THROTTLE		UF_SINCE(6, 12)
/* mm->rss_stat has a counter for each processor */
#define UF_HAS_PERCPU_RSS		UF_SINCE(6, 2)
/* change_protection() takes the page protection from the VMA */
#define UF_HAS_SHORT_CHANGE_PROTECTION	UF_SINCE(6, 3)
/* shmem_charge() is called without the lock of the page cache */
#define UF_HAS_SHMEM_CHARGE_UNLOCKED	UF_SINCE(6, 6)
/* shmem_get_folio() is exported, and takes the end of a write */
#define UF_HAS_SHMEM_GET_FOLIO		UF_SINCE(6, 12)
/* hugetlb works on folios throughout, and its page cache has an index for each small page */
#define UF_HAS_HUGETLB_FOLIOS		UF_SINCE(6, 11)

/* --- what the kernel must be built with ------------------------------------------------ */

#ifndef CONFIG_X86_64
#error "userfault supports x86-64 alone: no other page tables have been tried."
#endif
#ifndef CONFIG_USERFAULTFD
#error "userfault needs CONFIG_USERFAULTFD=y: it takes over the calls that mm makes to it."
#endif
#ifndef CONFIG_PTE_MARKER_UFFD_WP
#error "userfault needs CONFIG_PTE_MARKER_UFFD_WP=y to write-protect the pages of files."
#endif
#if !defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || !defined(CONFIG_KPROBES)
#error "userfault needs CONFIG_DYNAMIC_FTRACE_WITH_ARGS and CONFIG_KPROBES."
#endif
#ifndef CONFIG_KALLSYMS_ALL
#error "userfault needs CONFIG_KALLSYMS_ALL=y: it has to find variables of mm, too."
#endif

/*
 * Keeps CONFIG_INIT_STACK_ALL_ZERO from clearing a variable. The newest kernels have it in their
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
