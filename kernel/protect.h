/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Write protection, of pages that are there and of absent ones; and read-write protection.
 *
 * Overview
 *
 * One bit of a page-table entry, uffd-wp, says that the page is protected. mm keeps this bit
 * wherever the entry goes (swap, migration, a split huge page, fork), /proc/PID/pagemap shows it,
 * and a write to the page is a fault for us. So protecting is a walk that sets the bit and makes
 * the entry read-only. Unprotecting clears the bit, and makes the entry writable if nothing else
 * forbids it: otherwise the next write fault decides. Our own walk covers the page tables of
 * anonymous memory. Everything else (huge pages, pages that migrate, file memory) is left to mm's
 * walk, change_protection(), which serves mprotect() too.
 *
 * Where a page is absent, file memory gets a marker in the page table, and the page that comes
 * there inherits the protection. Absent pages of private anonymous memory are not protected, unless
 * UFFD_FEATURE_WP_UNPOPULATED asks for it: then they get a marker too or, on kernels without
 * markers for anonymous memory, the replacement in compat/protect.h.
 *
 * Read-write protection is the same bit in an entry that allows no access at all. Any access to the
 * page is a fault for us or, with UFFD_FEATURE_RWP_ASYNC, makes mm give the access back. A VMA is
 * registered for one of the two protections, so that the bit has one meaning. mm's walk does all of
 * read-write protection, and only for pages that are there: mm has no marker for it.
 *
 * Locking
 *
 * uf_protect() holds the mmap lock for reading over the whole range, so that no VMA comes or goes
 * meanwhile, and takes uf_changes_lock(). Private hugetlb needs the inode's lock too
 * (fill_hugetlb.c). Faults go on, and each entry changes under its page-table lock.
 *
 * No write is missed
 *
 * When uf_protect() returns, no processor has an old entry in its TLB any more: from then on no
 * write to a protected page goes unnoticed. During the call a write may go either way.
 */
#ifndef UF_PROTECT_H
#define UF_PROTECT_H

#include <linux/types.h>

struct uf_ctx;
struct vm_area_struct;

/*
 * Protect or unprotect [@start, @start + @len), which the caller has checked (uf_range_check()).
 * The range may have holes, and any number of VMAs. @mode: VM_UFFD_WP or VM_UFFD_RWP, the
 * protection that is meant. Wakes no waiter. The caller holds the address space (mmget). May sleep.
 *
 * -ENOENT: nothing is mapped there, or a VMA isn't registered in that mode. -EINVAL: the range cuts
 * a huge page of hugetlb. -EAGAIN: mappings are changing. After these three errors nothing has
 * changed. -ENOMEM: no memory for page tables; unprotecting takes none. -EINTR: the caller is being
 * killed. After these two errors some of the range may have changed.
 */
int uf_protect(struct uf_ctx *ctx, unsigned long start, unsigned long len, unsigned long mode,
	       bool protect);

/*
 * Unprotect a part of @vma that is about to lose its registration in @mode, VM_UFFD_WP or
 * VM_UFFD_RWP; @vma itself may have lost it already. The caller holds the mmap lock and the VMA's
 * lock for writing, so that no fill installs protected pages meanwhile. May sleep.
 */
void uf_protect_clear(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		      unsigned long mode);

#endif /* UF_PROTECT_H */
