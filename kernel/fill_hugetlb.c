// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling hugetlb memory, one huge page a run.
 *
 * A huge page comes from a pool, where mmap() has reserved it: for the file if the mapping is
 * shared, for the mapping if it is private. hugetlb itself keeps the books: allocating takes the
 * page out of its reservation, and a page that nobody gets to see goes back into it. In a shared
 * mapping the page goes into the page cache, and then into the page table. In a private mapping it
 * is an anonymous page, and the file stays as it is. A fill with zeroes is impossible: there is no
 * huge zero page to map.
 *
 * Locking
 *
 * A page's fault mutex, which belongs to its place in the file, keeps out other fills, and every
 * fault on the page through any mapping: a page that is found missing stays missing. Inside it the
 * VMA's hugetlb lock keeps the page table from going away, see hugetlb.h. Inside that come the
 * folio's lock and the page-table lock.
 *
 * A thread that truncates the file or punches holes in it takes the fault mutexes only of the pages
 * that it finds. It would settle the reservation of a page that is still being made, and once this
 * page is put back the books would be wrong for good. So a page is made for a file under the
 * inode's lock, which is taken outside the fault mutex. The inode's lock comes inside the mmap
 * lock, as hugetlb has it, but a thread that allocates room in the file holds it for long: a fill
 * drops its other locks before it waits for the inode's.
 *
 * A fill, like uf_protect(), works on a private mapping only under the inode's lock. A private
 * mapping has its hugetlb lock in its reservation map. Suppose a thread holds that lock while
 * another punches a hole where the mapping maps a page of the file: hugetlb_unmap_file_folio()
 * takes the reservation map for the lock of a shared mapping, and crashes the kernel. hugetlb's own
 * faults can cause that crash; the module can't.
 *
 * Under these locks the source is copied as long as it doesn't fault. If it would fault, the huge
 * page is put back, and the source is copied to ordinary memory with no lock held: a huge page kept
 * for that would be one that somebody has reserved. If the huge page has a gigabyte, the source is
 * only faulted in, and everything is tried again: a process with many threads, and one such page,
 * could make the kernel hold a gigabyte for each of them.
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

/* What run->kept points to, from one run to the next. */
struct uf_huge_kept {
	struct file *busy;	/* the fill waits for its inode's lock; a reference, or NULL */
	void *bounce;		/* @size bytes for a copy of a huge page's source; or NULL */
	size_t size;
	unsigned long src;	/* the last source that was faulted in, so often */
	unsigned int tries;
};

/* The largest huge page whose source is copied to ordinary memory. */
#define UF_HUGE_BOUNCE_MAX	PMD_SIZE

/* How often a source is faulted in for one page; some of it may be evicted again meanwhile. */
#define UF_HUGE_TRIES_MAX	32

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

/* hugetlb's page cache has no shadow or swap entries: every entry is a page. */
static bool uf_huge_cached(const struct uf_huge_place *at)
{
	return xa_load(&at->mapping->i_pages, uf_compat_hugetlb_cache_index(at->h, at->index));
}

static pte_t uf_huge_entry(const struct uf_run *run, const struct uf_huge_place *at,
			   struct folio *folio, bool writable)
{
	struct vm_area_struct *vma = run->vma;
	pte_t entry = folio_mk_pte(folio, vma->vm_page_prot);

	/* Writable first: pte_mkdirty() treats a read-only entry differently, for shadow stacks. */
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
 * Map @folio, which is @new or was in the file. If it is @cached, it is locked. On success the
 * entry takes over the caller's reference. After the page-table lock is dropped, a folio that isn't
 * cached may be gone already. Inlined, because CONTINUE does little else.
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
		update_mmu_cache(vma, run->dst, at->pte); /* no flush: no entry was present */
		if (new)
			uf_compat_hugetlb_set_migratable(folio);
	}
	spin_unlock(ptl);
	return err;
}

/*
 * Put the new folio, which is complete, into the file and into the page table. On an error the
 * caller still has its reference; *@cached says whether the file has the folio.
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
 * Copy the source to @folio. EFAULT: some of it would fault, and uf_huge_copy_faulting() has to
 * copy it. EINTR: the caller is being killed. Huge pages aren't in high memory: the whole folio has
 * consecutive addresses.
 */
static int uf_huge_copy_source(struct uf_run *run, struct folio *folio)
{
	size_t size = folio_size(folio), step = SZ_64K, at;
	const void __user *src = (const void __user *)run->src;
	const struct uf_huge_kept *kept = run->kept;
	void *to = folio_address(folio);
	unsigned long left = 0;
	bool killed = false;

	for (at = 0; at < size && !left && !killed; at += step) {
		if (run->kept_copied) {
			memcpy(to + at, kept->bounce + at, step);
		} else {
			pagefault_disable();
			left = copy_from_user(to + at, src + at, step);
			pagefault_enable();
		}
		cond_resched(); /* a huge page may be a gigabyte */
		killed = fatal_signal_pending(current);
	}
	flush_dcache_folio(folio);
	run->kept_copied = false;
	run->faulting = left;
	if (left)
		return -EFAULT;
	return killed ? -EINTR : 0;
}

/*
 * Map a new page, if none is there. The errors come in upstream's order: the page exists, no page
 * can be allocated, the source is bad.
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
		folio_put(folio); /* the file keeps the page, and with it the reservation */
	else
		uf_compat_hugetlb_unalloc(at->h, vma, run->dst, folio);
	return err;
}

/* Map the page that the file has; in a private mapping read-only, so that a write makes a copy. */
static int uf_huge_map_cached_locked(struct uf_run *run, const struct uf_huge_place *at)
{
	struct folio *folio;
	int err;

	folio = filemap_lock_folio(at->mapping, uf_compat_hugetlb_cache_index(at->h, at->index));
	if (IS_ERR_OR_NULL(folio))
		return -EFAULT;

	smp_wmb(); /* makes the caller's writes to the page visible before the entry */
	err = uf_huge_map(run, at, folio, false, true);
	folio_unlock(folio);
	if (err)
		folio_put(folio);
	return err;
}

/* Install poison, but never over another entry, not even over a marker. */
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

/* Call @locked for the run's page, under its fault mutex and the VMA's hugetlb lock. */
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

/* The run's struct uf_huge_kept, allocated at the first call. May sleep. */
static struct uf_huge_kept *uf_huge_keep(struct uf_run *run)
{
	if (!run->kept)
		run->kept = kzalloc(sizeof(struct uf_huge_kept), GFP_KERNEL | __GFP_NOFAIL);
	return run->kept;
}

/* The inode's lock is taken: have uf_huge_copy_faulting() wait for it, without other locks. */
static void uf_huge_keep_busy(struct uf_run *run)
{
	struct uf_huge_kept *kept = uf_huge_keep(run);

	kept->busy = get_file(run->vma->vm_file);
	run->faulting = true;
	run->err = -EFAULT;
}

/* As uf_huge_do(); if @settled, the inode's lock keeps the file from being truncated or punched. */
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

/* Make kept->bounce @size bytes long. It may be there already, with another size. */
static int uf_huge_alloc_bounce(struct uf_huge_kept *kept, size_t size)
{
	if (kept->bounce && kept->size == size)
		return 0;
	vfree(kept->bounce);
	kept->size = size;
	kept->bounce = __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	return kept->bounce ? 0 : -ENOMEM;
}

static int uf_huge_copy_to_bounce(struct uf_run *run, struct uf_huge_kept *kept, size_t size)
{
	const void __user *src = (const void __user *)run->src;
	size_t step = SZ_64K, at;

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

/* ENOMEM: the source doesn't stay in memory for long enough to be copied. */
static int uf_huge_fault_in(struct uf_run *run, struct uf_huge_kept *kept, size_t size)
{
	const char __user *src = (const char __user *)run->src;
	size_t step = SZ_64K, at;

	if (kept->src != run->src)
		kept->tries = 0;
	kept->src = run->src;
	if (kept->tries++ == UF_HUGE_TRIES_MAX)
		return -ENOMEM;
	for (at = 0; at < size; at += step) {
		if (fault_in_readable(src + at, step))
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int uf_huge_copy_faulting(struct uf_run *run)
{
	size_t size = (size_t)run->nr << PAGE_SHIFT;
	struct uf_huge_kept *kept = uf_huge_keep(run);

	if (kept->busy)
		return uf_huge_await_inode(kept);
	if (size > UF_HUGE_BOUNCE_MAX)
		return uf_huge_fault_in(run, kept, size);
	return uf_huge_copy_to_bounce(run, kept, size);
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
