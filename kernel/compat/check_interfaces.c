// SPDX-License-Identifier: GPL-2.0-only
/*
 * mm's interfaces as our sources declare them. This file is compiled, but never linked:
 * scripts/check-interfaces reads the declarations in its debug information, and compares them with
 * the kernel's own.
 */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/rmap.h>
#include <linux/shmem_fs.h>
#include <linux/userfaultfd_k.h>

#include "ctx_view.h"
#include "ksyms.h"
#include "native.h"
#include "tlb.h"

#if !UF_COMPARED
#warning "Nobody compared userfault with this kernel's sources. The interfaces have the right types, but their meaning may have changed: run the selftests before you trust it."
#endif

/*
 * Pointers to functions, by name: those that the module calls, and the one that it only observes.
 * The other functions that it takes over are in headers, where the compiler compares their types
 * (hooks.c). Type information says nothing about variables.
 */
struct uf_interfaces {
#define UF_INTERFACE(name, purpose) typeof(name) *name;
	UF_KSYMS(UF_INTERFACE)
	UF_INTERFACE(copy_vma, "events")
};

/* The structs that the module looks into. A member is named after the struct in mm. */
struct uf_structs {
	struct vm_area_struct vm_area_struct;
	struct mm_struct mm_struct;
	struct vm_fault vm_fault;
	struct vma_iterator vma_iterator;
	struct page page;
	struct folio folio;
	struct anon_vma anon_vma;
	struct address_space address_space;
	struct inode inode;
	struct shmem_inode_info shmem_inode_info;
	struct mmu_gather mmu_gather;
	struct mmu_notifier_range mmu_notifier_range;
	struct task_struct task_struct;
	struct userfaultfd_ctx userfaultfd_ctx;
	struct uf_fork_entry userfaultfd_fork_ctx;
	struct uf_unmap_entry userfaultfd_unmap_ctx;
	struct uf_native_wake_range userfaultfd_wake_range;
};

/* Debug information has only types that are used. */
struct uf_interfaces uf_interfaces;
struct uf_structs uf_structs;
