// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling hugetlb memory, one huge page a run.
 *
 * A huge page is taken from a pool that mmap() has reserved it in, for the file (shared mappings)
 * or for the mapping (private ones), and the books are kept by hugetlb itself: allocating takes the
 * page out of its reservation, and a page that nobody gets to see goes back into it. With a shared
 * mapping it goes into the page cache, and then into the page table; with a private one it is an
 * anonymous page, and the file stays as it is. Huge pages can't be zeroes: there is no huge zero
 * page to map.
 *
 * Locking
 *
 * The fault mutex of the page, which belongs to its place in the file, keeps away every fault on it
 * through any mapping, and other fills: what is found missing stays missing. Inside it the VMA's
 * hugetlb lock keeps the page table, see hugetlb.h, and inside that come the folio's lock and the
 * page-table lock.
 *
 * Who truncates the file or punches holes in it takes the fault mutex of pages only that he finds.
 * Of a page that is being made he would settle the reservation, and the books be wrong for good
 * once it is put back. So a page is made for a file under the inode's lock, outside the fault
 * mutex. That comes inside the mmap lock, as hugetlb has it, but is held long by whoever allocates
 * room in the file: it is waited for without locks.
 *
 * Whatever is done to a private mapping is done under the inode's lock too. A private mapping keeps
 * its lock in its reservation map. If somebody holds that lock while a hole is punched, and a page
 * of the file is mapped there, hugetlb_unmap_file_folio() takes the reservation map for the lock of
 * a shared mapping, and crashes the kernel. Its own faults can do that too, but not we.
 *
 * Under them the source is copied as far as that needs no fault. Else the huge page is put back,
 * and the source copied to ordinary memory with no lock held: a huge page kept for that would be
 * one that somebody has reserved.
 */
#include <linux/userfault.h>

#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "compat/compat.h"
#include "compat/hugetlb.h"
#include "fill_hugetlb.h"

/* What is kept from one run to the next. */
struct uf_huge_kept {
	struct file *busy;	/* with a reference: its inode's lock is to be waited for; or NULL */
	void *bounce;		/* memory for the source of a huge page, of @size; or NULL */
	size_t size;
};

/* The place of a run's page. */
struct uf_huge_place {
	struct hstate *h;
	struct address_space *mapping;
	pgoff_t index; /* in the file, in huge pages */
	pte_t *pte;
};

static struct mutex *uf_huge_fault_mutex(const struct uf_huge_place *at)
{
	return uf_ksym_data(hugetlb_fault_mutex_table) +
	       uf_ksym(hugetlb_fault_mutex_hash)(at->mapping, at->index);
}

static __always_inline bool uf_huge_missing(const struct uf_run *run,
					    const struct uf_huge_place *at)
{
	return uf_pte_missing(uf_compat_huge_ptep_get(run->vma->vm_mm, run->dst, at->pte));
}

/* No shadows, no swap: what is there is a page. */
static bool uf_huge_cached(const struct uf_huge_place *at)
{
	return xa_load(&at->mapping->i_pages, uf_compat_hugetlb_cache_index(at->h, at->index));
}

static pte_t uf_huge_entry(const struct uf_run *run, const struct uf_huge_place *at,
			   struct folio *folio, bool writable)
{
	struct vm_area_struct *vma = run->vma;
	pte_t entry = folio_mk_pte(folio, vma->vm_page_prot);

	/* Writable first: a read-only entry would be made dirty in the way of shadow stacks. */
	if (run->wp)
		entry = pte_mkuffd_wp(pte_wrprotect(entry));
	else if (writable && vma->vm_flags & VM_WRITE)
		entry = pte_mkwrite_novma(entry);
	else
		entry = pte_wrprotect(entry);
	entry = pte_mkyoung(pte_mkdirty(entry));
	return arch_make_huge_pte(entry, huge_page_shift(at->h), vma->vm_flags);
}

/*
 * Map the folio: @new, or what the file had; if it is @cached it is locked. The entry takes the
 * reference over. Without the page-table lock a folio that isn't cached may be gone again. Inlined,
 * because CONTINUE does little else.
 */
static __always_inline int uf_huge_map(struct uf_run *run, const struct uf_huge_place *at,
					struct folio *folio, bool new, bool cached)
{
	struct vm_area_struct *vma = run->vma;
	bool writable = new || vma->vm_flags & VM_SHARED;
	struct mm_struct *mm = vma->vm_mm;
	spinlock_t *ptl = huge_pte_lock(at->h, mm, at->pte);
	int err = 0;

	if (folio_test_hwpoison(folio)) {
		err = -EIO;
	} else if (!uf_huge_missing(run, at)) {
		err = -EEXIST;
	} else {
		if (cached)
			uf_compat_hugetlb_add_file_rmap(folio);
		else
			uf_compat_hugetlb_add_new_anon(folio, vma, run->dst);
		uf_compat_set_huge_pte(at->h, mm, run->dst, at->pte,
				       uf_huge_entry(run, at, folio, writable));
		hugetlb_count_add(pages_per_huge_page(at->h), mm);
		update_mmu_cache(vma, run->dst, at->pte); /* nothing to flush: there was no entry */
		if (new)
			uf_compat_hugetlb_set_migratable(folio);
	}
	spin_unlock(ptl);
	return err;
}

/*
 * The new folio, complete, into the file and into the page table; on an error it is the caller's
 * still.
 */
static int uf_huge_map_shared(struct uf_run *run, const struct uf_huge_place *at,
			      struct folio *folio, bool *cached)
{
	int err;

	if (at->index >= i_size_read(at->mapping->host) >> huge_page_shift(at->h))
		return -EFAULT;
	err = uf_compat_hugetlb_cache(folio, at->mapping, at->index);
	if (err)
		return err;
	*cached = true;
	err = uf_huge_map(run, at, folio, true, true);
	folio_unlock(folio);
	return err;
}

/*
 * The source to @folio. EFAULT: some of it isn't there, and has to be copied by
 * uf_huge_copy_faulting(). Huge pages aren't in high memory: one stretch of addresses has all of
 * it.
 */
static int uf_huge_copy_source(struct uf_run *run, struct folio *folio)
{
	size_t size = folio_size(folio), step = SZ_64K, at;
	const void __user *src = (const void __user *)run->src;
	const struct uf_huge_kept *kept = run->kept;
	void *to = folio_address(folio);
	unsigned long left = 0;

	for (at = 0; at < size && !left; at += step) {
		if (run->kept_copied) {
			memcpy(to + at, kept->bounce + at, step);
		} else {
			pagefault_disable();
			left = copy_from_user(to + at, src + at, step);
			pagefault_enable();
		}
		cond_resched(); /* a huge page may be a gigabyte */
	}
	flush_dcache_folio(folio);
	run->kept_copied = false;
	run->faulting = left;
	return left ? -EFAULT : 0;
}

/*
 * A new page, if none is there. In upstream's order: a page that exists, none to be had, a bad
 * source.
 */
static int uf_huge_copy_locked(struct uf_run *run, const struct uf_huge_place *at)
{
	struct vm_area_struct *vma = run->vma;
	bool shared = vma->vm_flags & VM_SHARED, cached = false;
	struct folio *folio;
	int err;

	if (!uf_huge_missing(run, at) || (shared && uf_huge_cached(at)))
		return -EEXIST;
	folio = uf_compat_hugetlb_alloc(vma, run->dst);
	if (IS_ERR(folio))
		return -ENOMEM;
	err = uf_huge_copy_source(run, folio);
	if (err)
		goto put;
	__folio_mark_uptodate(folio); /* makes the contents visible before the folio is */

	if (shared)
		err = uf_huge_map_shared(run, at, folio, &cached);
	else
		err = uf_huge_map(run, at, folio, true, false);
	if (!err)
		return 0;
put:
	if (cached)
		folio_put(folio); /* the reservation is the file's now, and has its page */
	else
		uf_compat_hugetlb_unalloc(at->h, vma, run->dst, folio);
	return err;
}

/* The page that the file has; for a private mapping read-only, so that a write makes a copy. */
static int uf_huge_map_cached_locked(struct uf_run *run, const struct uf_huge_place *at)
{
	struct folio *folio;
	int err;

	folio = filemap_lock_folio(at->mapping, uf_compat_hugetlb_cache_index(at->h, at->index));
	if (IS_ERR_OR_NULL(folio))
		return -EFAULT;

	smp_wmb(); /* what the caller has written to the page is seen before it is */
	err = uf_huge_map(run, at, folio, false, true);
	folio_unlock(folio);
	if (err)
		folio_put(folio);
	return err;
}

/* Over nothing, not even a marker. */
static int uf_huge_poison_locked(struct uf_run *run, const struct uf_huge_place *at)
{
	struct mm_struct *mm = run->vma->vm_mm;
	spinlock_t *ptl = huge_pte_lock(at->h, mm, at->pte);
	int err = -EEXIST;

	if (huge_pte_none(uf_compat_huge_ptep_get(mm, run->dst, at->pte))) {
		uf_compat_set_huge_pte(at->h, mm, run->dst, at->pte, uf_compat_poison_entry());
		update_mmu_cache(run->vma, run->dst, at->pte);
		err = 0;
	}
	spin_unlock(ptl);
	return err;
}

/* Do something about the run's page with its place locked. */
static __always_inline unsigned int
uf_huge_do(struct uf_run *run, int (*locked)(struct uf_run *run, const struct uf_huge_place *at))
{
	struct vm_area_struct *vma = run->vma;
	struct hstate *h = hstate_vma(vma);
	struct uf_huge_place at = {
		.h = h,
		.mapping = vma->vm_file->f_mapping,
		.index = ((run->dst - vma->vm_start) >> huge_page_shift(h)) +
			 (vma->vm_pgoff >> huge_page_order(h)),
	};
	struct mutex *mutex = uf_huge_fault_mutex(&at);

	mutex_lock(mutex);
	uf_ksym(hugetlb_vma_lock_read)(vma);
	at.pte = uf_ksym(huge_pte_alloc)(vma->vm_mm, vma, run->dst, huge_page_size(h));
	run->err = at.pte ? locked(run, &at) : -ENOMEM;
	uf_ksym(hugetlb_vma_unlock_read)(vma);
	mutex_unlock(mutex);
	return run->err ? 0 : run->nr;
}

/* What the run keeps, made if need be. May sleep. */
static struct uf_huge_kept *uf_huge_keep(struct uf_run *run)
{
	if (!run->kept)
		run->kept = kzalloc(sizeof(struct uf_huge_kept), GFP_KERNEL | __GFP_NOFAIL);
	return run->kept;
}

/* The inode's lock has to be waited for, without locks. */
static void uf_huge_keep_busy(struct uf_run *run)
{
	struct uf_huge_kept *kept = uf_huge_keep(run);

	kept->busy = get_file(run->vma->vm_file);
	run->faulting = true;
	run->err = -EFAULT;
}

/* The same; if @settled, while the file is neither truncated nor punched. */
static __always_inline unsigned int
uf_huge_do_settled(struct uf_run *run,
		   int (*locked)(struct uf_run *run, const struct uf_huge_place *at), bool settled)
{
	struct inode *inode = file_inode(run->vma->vm_file);
	unsigned int installed;

	if (settled && !inode_trylock_shared(inode)) {
		uf_huge_keep_busy(run);
		return 0;
	}
	installed = uf_huge_do(run, locked);
	if (settled)
		inode_unlock_shared(inode);
	return installed;
}

static bool uf_huge_is_private(const struct uf_run *run)
{
	return !(run->vma->vm_flags & VM_MAYSHARE);
}

static unsigned int uf_huge_copy(struct uf_run *run)
{
	return uf_huge_do_settled(run, uf_huge_copy_locked, true);
}

static unsigned int uf_huge_map_cached(struct uf_run *run)
{
	return uf_huge_do_settled(run, uf_huge_map_cached_locked, uf_huge_is_private(run));
}

static unsigned int uf_huge_poison(struct uf_run *run)
{
	return uf_huge_do_settled(run, uf_huge_poison_locked, uf_huge_is_private(run));
}

static int uf_huge_await_inode(struct uf_huge_kept *kept)
{
	struct rw_semaphore *lock = &file_inode(kept->busy)->i_rwsem;
	int err = down_read_killable(lock);

	if (!err)
		up_read(lock);
	fput(kept->busy);
	kept->busy = NULL;
	return err;
}

/* Memory for a copy of @size bytes; what is there may be of another size. */
static int uf_huge_alloc_bounce(struct uf_huge_kept *kept, size_t size)
{
	if (kept->bounce && kept->size == size)
		return 0;
	vfree(kept->bounce);
	kept->size = size;
	kept->bounce = __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	return kept->bounce ? 0 : -ENOMEM;
}

static int uf_huge_copy_faulting(struct uf_run *run)
{
	size_t size = (size_t)run->nr << PAGE_SHIFT, step = SZ_64K, at;
	const void __user *src = (const void __user *)run->src;
	struct uf_huge_kept *kept = uf_huge_keep(run);

	if (kept->busy)
		return uf_huge_await_inode(kept);
	if (uf_huge_alloc_bounce(kept, size))
		return -ENOMEM;
	for (at = 0; at < size; at += step) {
		if (copy_from_user(kept->bounce + at, src + at, step))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	run->kept_copied = true;
	return 0;
}

static void uf_huge_release(struct uf_run *run)
{
	struct uf_huge_kept *kept = run->kept;

	WARN_ON_ONCE(kept->busy);
	vfree(kept->bounce);
	kfree(kept);
}

const struct uf_fill_ops uf_fill_hugetlb_ops = {
	.huge = true,
	.fill[UF_FILL_COPY] = uf_huge_copy,
	.fill[UF_FILL_CONTINUE] = uf_huge_map_cached,
	.fill[UF_FILL_POISON] = uf_huge_poison,
	.copy_faulting = uf_huge_copy_faulting,
	.release = uf_huge_release,
};
