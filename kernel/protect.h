/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Write protection: of pages that are there, or will be; and read-write protection.
 *
 * Overview
 *
 * That a page is protected is one bit of its page-table entry, uffd-wp. mm keeps it wherever the
 * entry goes (swap, migration, a split huge page, fork), /proc/PID/pagemap shows it, and a write to
 * such a page is a fault for us. So protecting is a walk that sets the bit and takes the right to
 * write away; unprotecting clears it, and gives that right back where nothing else speaks against
 * it: else the next write finds out. The walk over the page tables of anonymous memory is here; for
 * all else there is mm's, change_protection(), which serves mprotect() too: huge pages, pages that
 * migrate, file memory.
 *
 * Where no page is: file memory gets a marker in the page table, which the page inherits when it
 * comes. Private anonymous memory has no protection there, unless UFFD_FEATURE_WP_UNPOPULATED asks
 * for it: then it is a marker too, or what compat/protect.h has for kernels that know none for anonymous
 * memory.
 *
 * Read-write protection is the same bit in an entry that allows no access at all: any access to the
 * page is a fault for us, or, with UFFD_FEATURE_RWP_ASYNC, has mm give back what was taken away. A
 * VMA is registered for one of the two, so that the bit means one thing. All of it is mm's walk, and
 * only of pages that are there: mm has no marker for it.
 *
 * Locking
 *
 * The mmap lock is held over the whole range, for reading, so that no VMA comes or goes meanwhile.
 * Nothing more, but for the inode's lock of private hugetlb (fill_hugetlb.c): faults go on, and each
 * entry changes under its page-table lock.
 *
 * No write is missed
 *
 * When uf_protect() returns, no processor has an old entry in its TLB any more: a page whose
 * protection somebody relies on can't be written behind his back. In between a write may go either
 * way.
 */
#ifndef UF_PROTECT_H
#define UF_PROTECT_H

#include <linux/types.h>

struct uf_ctx;
struct vm_area_struct;

/*
 * Protect, or unprotect, [@start, @start + @len): checked (uf_range_check()), with holes and over
 * as many VMAs as there are. @mode: VM_UFFD_WP or VM_UFFD_RWP, what for. Wakes nobody. The caller
 * holds the address space (mmget). May sleep.
 *
 * -ENOENT: nothing is mapped there, or something that isn't registered in that mode.
 * -EINVAL: a part of a huge page of hugetlb. -EAGAIN: mappings are changing. Nothing was changed
 * then. -ENOMEM: no memory for page tables; -EINTR: the caller is being killed: some of the range
 * is protected. Unprotecting takes no memory and isn't interrupted: it does all or nothing.
 */
int uf_protect(struct uf_ctx *ctx, unsigned long start, unsigned long len, unsigned long mode,
	       bool protect);

/*
 * Unprotect a part of @vma that is about to lose its registration in @mode, VM_UFFD_WP or
 * VM_UFFD_RWP; @vma itself may have lost it. The caller holds the mmap lock and the VMA's lock for
 * writing: nobody fills it write-protected meanwhile. May sleep.
 */
void uf_protect_clear(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		      unsigned long mode);

#endif /* UF_PROTECT_H */
