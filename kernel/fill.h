/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filling: pages where there are none.
 *
 * Overview
 *
 * A fill goes in runs: the pages of one page table that are filled together, or one huge page of
 * hugetlb. For a run the engine (fill.c) finds the VMA and the page table; the memory type's ops
 * (fill_anon.c, fill_shmem.c, fill_hugetlb.c) prepare the pages without page-table lock, then
 * install them all under it, and count them once.
 *
 * Locking
 *
 * The VMA is locked over as many runs as possible, in the way that the kernel has
 * (uf_compat_vma_lock_fill). Under that lock nothing may fault: a source page that isn't there is
 * copied with no lock held, after which the VMA is looked up, and checked, anew.
 *
 * Atomicity
 *
 * A page is complete before it can be seen, and never replaces another. A fill stops at the first
 * page that it can't do, and reports the bytes before it.
 */
#ifndef UF_FILL_H
#define UF_FILL_H

#include <linux/mm_types.h>

struct uf_ctx;

enum uf_fill_source {
	UF_FILL_COPY,		/* a copy of the caller's memory */
	UF_FILL_ZERO,		/* zeroes */
	UF_FILL_CONTINUE,	/* what the page cache has */
	UF_FILL_POISON,		/* an entry that kills who touches it */
	UF_FILL_SOURCES,	/* how many there are */
};

struct uf_fill {
	enum uf_fill_source source;
	bool wp;		/* install write-protected */
	unsigned long dst;	/* page aligned, in the context's address space */
	unsigned long src;	/* any alignment, in the caller's address space */
	unsigned long len;	/* whole pages, not 0 */
};

/*
 * Do it. The ranges are checked (uf_range_check()), and the caller holds the address space (mmget).
 * May sleep and fault; takes and leaves no lock. Returns the bytes done, or if there are none:
 * -ENOENT, -EINVAL, -EEXIST, -EFAULT, -EIO, -ENOMEM, -EINTR, -EAGAIN, as in the uapi header.
 */
long uf_fill(struct uf_ctx *ctx, struct uf_fill fill);

/*
 * Folios that a run has at most: enough that locking and counting cost next to nothing a page, few
 * enough to keep their addresses on the stack. Where there is nothing to keep, a run may be a whole
 * page table; where there is, the ops leave the rest to the next.
 */
#define UF_RUN_FOLIOS_MAX	64U

struct uf_run {
	struct vm_area_struct *vma;
	pmd_t *pmd;			/* its page table has the whole run; not for huge pages */
	unsigned long dst;		/* first page */
	unsigned long src;
	unsigned int nr;		/* pages to fill; the ops lower it to what they have prepared */
	int err;			/* what is wrong with the page behind those, if anything is */
	bool wp;			/* install write-protected */
	bool faulting;			/* copy_faulting() is to be called, without locks */
	bool first_copied;		/* @first is complete; else it is @faulting */
	bool bounced;			/* @bounce has the first page, a huge one */
	struct folio *first;		/* of the first page, if it is left from the run before */
	void *bounce;			/* memory for that */
	size_t bounce_size;
	struct file *busy;		/* with a reference: @faulting is to wait for its inode's lock */
	struct folio *folios[UF_RUN_FOLIOS_MAX];
};

/*
 * What a memory type does. All of fill[] are called with the VMA locked and no page-table lock, and
 * return the number of pages that are installed now, at the beginning of the run; if that is less
 * than run->nr was, run->err says why there was no getting further, or 0: the rest is for the next
 * run. Who copies takes run->first over, and leaves another there, not copied, run->faulting set,
 * and -EFAULT, if the source of the page behind has to be faulted in, or something else needs doing
 * that can't be done under locks. Then copy_faulting() is called without them, and fill[] again, if
 * it returns 0, when the VMA has been looked up anew.
 */
struct uf_fill_ops {
	bool huge;	/* a run is one huge page, whose page table is for fill[] to find */
	/* NULL: there is no such source. */
	unsigned int (*fill[UF_FILL_SOURCES])(struct uf_run *run);
	int (*copy_faulting)(struct uf_run *run);
};

extern const struct uf_fill_ops uf_fill_anon_ops;
extern const struct uf_fill_ops uf_fill_shmem_shared_ops;
extern const struct uf_fill_ops uf_fill_shmem_private_ops;
extern const struct uf_fill_ops uf_fill_hugetlb_ops;

/*
 * Anonymous pages, for every memory type whose private mappings take them; as in struct
 * uf_fill_ops.
 */
unsigned int uf_anon_copy(struct uf_run *run);
unsigned int uf_anon_zero(struct uf_run *run);

/* Poison, for every memory type with pages of PAGE_SIZE; as in struct uf_fill_ops. */
unsigned int uf_run_poison(struct uf_run *run);

#endif /* UF_FILL_H */
