// SPDX-License-Identifier: GPL-2.0-only
/*
 * Never linked: what we take mm's interfaces to be, for scripts/check-interfaces, which reads it in the
 * debug information and compares it with the kernel's own.
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
#warning "Nobody compared userfault with this kernel's sources. Its interfaces are as they should be, but what they mean may have changed: run the selftests before you trust it."
#endif

/*
 * Functions: pointers to them, by name. Those that are called, and the one that is only observed; what
 * else is taken over is in headers, and the compiler compares it (hooks.c). Of variables, type
 * information says nothing.
 */
struct uf_interfaces {
#define UF_INTERFACE(name, purpose) typeof(name) *name;
	UF_KSYMS(UF_INTERFACE)
	UF_INTERFACE(copy_vma, "events")
};

/* Structs that are looked into, by name; those of our own by the name that they have in mm. */
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

/* Debug information has only what is used. */
struct uf_interfaces uf_interfaces;
struct uf_structs uf_structs;
