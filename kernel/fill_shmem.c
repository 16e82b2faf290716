// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling shmem: tmpfs, memfd, shared anonymous memory.
 *
 * A private mapping gets anonymous pages (fill_anon.c), and the file stays as it is. A new page of
 * a shared mapping goes into the page cache, and from there into the page table.
 *
 * Why a fill doesn't work like write(2): write(2) overwrites a page that exists. Whether a page
 * exists can be decided for all users of the file only in the page cache, under its lock. So a fill
 * puts its page there, as khugepaged does with its own: the page is allocated by the file's memory
 * policy, it is complete, and it stays locked until it is both paid for and mapped. A thread that
 * finds the page earlier, through another mapping or a descriptor, waits for its lock and then
 * checks that it is still in the cache. If the page can't be paid for or mapped, the fill takes it
 * out again, and nobody has seen it.
 *
 * shmem_charge() pays: it accounts for blocks, quota and commit limit, and counts the pages in the
 * cache. Before that call the pages are neither paid for nor counted. So shmem's books, which
 * compare the two, are right at any time, and a page that turns out to exist already takes up no
 * room.
 *
 * A cache entry that is swapped out counts as a page, and so does one that fallocate(2) has
 * reserved.
 *
 * A fill locks a new folio before anybody else can find it. While it holds a folio's lock, it only
 * trylocks cached folios. So there is no order of folio locks that it could violate.
 */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/xarray.h>

#include "compat/compat.h"
#include "fill_anon.h"
#include "fill_shmem.h"
#include "folio_lock.h"

static struct address_space *uf_shmem_mapping(const struct uf_run *run)
{
	return run->vma->vm_file->f_mapping;
}

/* Where in the file the run begins. */
static pgoff_t uf_shmem_index(const struct uf_run *run)
{
	return linear_page_index(run->vma, run->dst);
}

/*
 * How many of the run's pages are missing in the file and the page table, up to the first that
 * isn't. Read without locks, so the answer may be out of date. The page table is checked too,
 * because it may have the marker of a guard region where the file has no page.
 */
static noinline unsigned int uf_shmem_missing_of_many(const struct uf_run *run)
{
	struct xarray *pages = &uf_shmem_mapping(run)->i_pages;
	pgoff_t index = uf_shmem_index(run);
	unsigned long taken = index;
	unsigned int nr;

	nr = clamp(uf_run_within_file(run), 1U, UF_RUN_FOLIOS_MAX);
	if (xa_find(pages, &taken, index + nr - 1, XA_PRESENT))
		nr = taken - index;
	return uf_run_missing(run, nr);
}

/*
 * The same for any run. For a single page the page-table entry alone nearly always gives the right
 * answer, and takes less time to read.
 */
static unsigned int uf_shmem_missing(const struct uf_run *run)
{
	return run->nr == 1 ? uf_run_missing(run, 1) : uf_shmem_missing_of_many(run);
}

/* Pay for @nr pages, or for fewer if there is no room for so many. Returns how many. */
static unsigned int uf_shmem_charge(struct inode *inode, unsigned int nr)
{
	while (nr && !uf_compat_shmem_charge(inode, nr))
		nr /= 2;
	return nr;
}

/* Take the folios [@from, @to), which are locked, out of the page cache; unlock and put them. */
static void uf_shmem_uncache(struct uf_run *run, unsigned int from, unsigned int to)
{
	for (; from < to; from++) {
		uf_ksym(filemap_remove_folio)(run->folios[from]);
		folio_unlock(run->folios[from]);
		folio_put(run->folios[from]);
	}
}

/*
 * Whether the file's pages come from the local node, because no memory policy applies to them. mm's
 * lookup of a file's policy reads the root without a lock, too.
 */
static bool uf_shmem_default_policy(struct inode *inode)
{
#ifdef CONFIG_NUMA
	return RB_EMPTY_ROOT(&SHMEM_I(inode)->policy.root) && !current->mempolicy;
#else
	return true;
#endif
}

/*
 * Prepare complete folios, charged to their cgroup, for the pages that are missing, and cut the run
 * down to these and to the file. The first page's errors come in upstream's order, as in
 * uf_anon_prepare().
 */
static void uf_shmem_prepare(struct uf_run *run, bool zero)
{
	struct address_space *mapping = uf_shmem_mapping(run);
	gfp_t gfp = mapping_gfp_mask(mapping);
	unsigned int within, missing = uf_shmem_missing(run);

	run->nr = max(missing, 1U);
	uf_run_alloc(run, zero ? gfp | __GFP_ZERO : gfp, uf_shmem_default_policy(mapping->host));
	if (!zero)
		uf_run_copy_sources(run);
	within = uf_run_within_file(run);
	if (within < run->nr)
		uf_run_cut(run, within, run->nr, -EFAULT);
	if (unlikely(!missing && run->nr))
		uf_run_cut(run, 0, 1, -EEXIST);
	uf_run_complete(run);
	if (run->nr)
		uf_compat_throttle_swaprate(run->folios[0], gfp);
}

/*
 * Lock @folio, which nobody else knows, and put it into the page cache if nothing is there. The
 * caller holds the page cache's lock. False: @xas has the error.
 */
static bool uf_shmem_store(struct xa_state *xas, struct address_space *mapping, pgoff_t index,
			   struct folio *folio)
{
	lockdep_assert_held(&mapping->i_pages.xa_lock);

	xas_set(xas, index);
	if (xas_load(xas)) {
		xas_set_err(xas, -EEXIST);
		return false;
	}

	/* Readers of the cache take no lock: the folio must be set up before it is stored. */
	__folio_set_locked(folio);
	__folio_set_swapbacked(folio);
	folio->mapping = mapping;
	folio->index = index;
	folio_get(folio);
	xas_store(xas, folio);
	if (xas_error(xas)) {
		folio->mapping = NULL;
		folio_put(folio);
		folio_unlock(folio);
		return false;
	}
	uf_compat_count_cached_shmem(folio);
	return true;
}

/* Put the run's folios into the page cache, up to the first index taken; not counted yet. */
static void uf_shmem_cache(struct uf_run *run)
{
	struct address_space *mapping = uf_shmem_mapping(run);
	gfp_t gfp = mapping_gfp_constraint(mapping, GFP_KERNEL);
	pgoff_t index = uf_shmem_index(run);
	XA_STATE(xas, &mapping->i_pages, index);
	unsigned int n = 0;

	do {
		xas_lock_irq(&xas);
		while (n < run->nr && uf_shmem_store(&xas, mapping, index + n, run->folios[n]))
			n++;
		xas_unlock_irq(&xas);
	} while (xas_nomem(&xas, gfp));

	if (n < run->nr)
		uf_run_cut(run, n, run->nr, xas_error(&xas));
}

/*
 * Pay for the run's folios, which are in the page cache now. The folios that there is no room for
 * are taken out again. They are counted in nrpages first, because taking them out subtracts them
 * there.
 */
static void uf_shmem_pay(struct uf_run *run)
{
	struct address_space *mapping = uf_shmem_mapping(run);
	unsigned int n, cached = run->nr;
	unsigned int paid = uf_shmem_charge(mapping->host, cached);

	for (n = 0; n < paid; n++)
		folio_add_lru(run->folios[n]);
	if (likely(paid == cached))
		return;
	xa_lock_irq(&mapping->i_pages);
	mapping->nrpages += cached - paid;
	xa_unlock_irq(&mapping->i_pages);
	uf_shmem_uncache(run, paid, cached);
	uf_run_cut(run, paid, paid, paid ? 0 : -ENOMEM);
}

/* The caller holds the page-table lock and the folio's lock; the entry is uf_pte_missing(). */
static void uf_shmem_install(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
			     struct page *page, bool wp)
{
	bool writable = (vma->vm_flags & VM_SHARED) && (vma->vm_flags & VM_WRITE);
	pte_t entry = mk_pte(page, vma->vm_page_prot);

	/* Writable first: pte_mkdirty() treats a read-only entry differently, for shadow stacks. */
	if (wp)
		entry = pte_mkuffd_wp(entry);
	else if (writable)
		entry = pte_mkwrite_novma(entry);
	entry = pte_mkdirty(entry);

	uf_compat_folio_add_file_rmap(page_folio(page), page, vma);
	set_pte_at(vma->vm_mm, addr, pte, entry);
	update_mmu_cache(vma, addr, pte);	/* no flush: no entry was present */
}

/*
 * Map run->folios, which are in the page cache and locked. Returns how many were mapped; their
 * entries take over the references.
 */
static unsigned int uf_shmem_map(struct uf_run *run)
{
	struct vm_area_struct *vma = run->vma;
	pgoff_t index = uf_shmem_index(run);
	unsigned int n, within;
	spinlock_t *ptl;
	pte_t *pte;

	pte = uf_compat_pte_map_lock(vma->vm_mm, run->pmd, run->dst, &ptl);
	if (!pte) {
		uf_run_cut(run, 0, 0, -EAGAIN);
		return 0;
	}
	within = uf_run_within_file(run);
	for (n = 0; n < within && uf_pte_missing(ptep_get(pte + n)); n++)
		uf_shmem_install(vma, run->dst + n * PAGE_SIZE, pte + n,
				 folio_file_page(run->folios[n], index + n), run->wp);
	if (n)
		uf_compat_add_mm_counter(vma->vm_mm, MM_SHMEMPAGES, n);
	pte_unmap_unlock(pte, ptl);

	if (n < run->nr)
		uf_run_cut(run, n, n, n < within ? -EEXIST : -EFAULT);
	return n;
}

static unsigned int uf_shmem_fill(struct uf_run *run, bool zero)
{
	unsigned int cached, paid, n, mapped = 0;

	uf_shmem_prepare(run, zero);
	uf_shmem_cache(run);
	cached = run->nr;
	uf_shmem_pay(run);
	paid = run->nr;
	if (paid)
		mapped = uf_shmem_map(run);

	for (n = 0; n < mapped; n++)
		folio_unlock(run->folios[n]);
	uf_shmem_uncache(run, mapped, paid);
	if (mapped < cached)	/* with 0 pages, it only compares its books with the cache */
		uf_ksym(shmem_uncharge)(uf_shmem_mapping(run)->host, 0);
	return mapped;
}

static unsigned int uf_shmem_copy(struct uf_run *run)
{
	return uf_shmem_fill(run, false);
}

static unsigned int uf_shmem_zero(struct uf_run *run)
{
	return uf_shmem_fill(run, true);
}

/*
 * Enter @folio in run->folios for the run's pages from the @n-th on, as far as @folio has them, and
 * up to a page with a memory error. Each entry gets a reference; the first takes over the caller's.
 * @folio is locked. Returns how many entries run->folios has now.
 */
static unsigned int uf_shmem_take(struct uf_run *run, unsigned int n, struct folio *folio)
{
	pgoff_t index = uf_shmem_index(run);
	pgoff_t end = folio->index + folio_nr_pages(folio);
	unsigned int from = n;

	if (index + n < folio->index)
		return n;
	for (; n < run->nr && index + n < end; n++) {
		if (PageHWPoison(folio_page(folio, index + n - folio->index)))
			break;
		run->folios[n] = folio;
	}
	if (n > from + 1)
		folio_ref_add(folio, n - from - 1);
	return n;
}

/* The same if @folio is ready and not locked. Takes over the caller's reference in any case. */
static unsigned int uf_shmem_try_take(struct uf_run *run, unsigned int n, struct folio *folio)
{
	unsigned int taken = n;

	if (!uf_folio_trylock(folio))
		goto put;
	if (folio->mapping == uf_shmem_mapping(run) && folio_test_uptodate(folio))
		taken = uf_shmem_take(run, n, folio);
	if (taken > n)
		return taken;
	folio_unlock(folio);
put:
	folio_put(folio);
	return n;
}

/* Take the first page's folio if it is ready. Returns how many of the run's pages it has, or 0. */
static unsigned int uf_shmem_try_first(struct uf_run *run)
{
	struct folio *folio = filemap_get_folio(uf_shmem_mapping(run), uf_shmem_index(run));

	return IS_ERR_OR_NULL(folio) ? 0 : uf_shmem_try_take(run, 0, folio);
}

/* The same, but wait for the folio, swap it in or clear it if need be. 0: run->err says why. */
static unsigned int uf_shmem_get_first(struct uf_run *run)
{
	struct folio *folio = NULL;
	unsigned int taken;
	int err;

	err = uf_compat_shmem_get_cached(uf_shmem_mapping(run)->host, uf_shmem_index(run), &folio);
	if (!folio) {	/* a hole, beyond the end of the file, or an error */
		run->err = !err || err == -ENOENT || err == -EINVAL ? -EFAULT : err;
		return 0;
	}
	taken = uf_shmem_take(run, 0, folio);
	if (!taken) {
		run->err = -EIO;
		folio_unlock(folio);
		folio_put(folio);
	}
	return taken;
}

/*
 * Take the pages from the @n-th on, up to the first that isn't ready to be mapped. Returns how many
 * entries run->folios has now.
 */
static unsigned int uf_shmem_take_ready(struct uf_run *run, unsigned int n)
{
	struct address_space *mapping = uf_shmem_mapping(run);
	pgoff_t index = uf_shmem_index(run), next;
	struct folio_batch batch __uninitialized;	/* folio_batch_init() empties it */
	unsigned int i, before;
	bool stop = false;

	while (n < run->nr && !stop) {
		folio_batch_init(&batch);
		next = index + n;
		stop = !filemap_get_folios(mapping, &next, index + run->nr - 1, &batch);
		for (i = 0; i < folio_batch_count(&batch); i++) {
			before = n;
			if (stop)
				folio_put(batch.folios[i]);
			else
				n = uf_shmem_try_take(run, n, batch.folios[i]);
			stop = n == before;
		}
	}
	return n;
}

/* Unlock each folio once, and drop the references of pages that weren't mapped. */
static void uf_shmem_release(struct uf_run *run, unsigned int taken, unsigned int mapped)
{
	unsigned int n;

	for (n = 0; n < taken; n++) {
		struct folio *folio = run->folios[n];

		if (n >= mapped)
			folio_put(folio);
		if (n + 1 == taken || run->folios[n + 1] != folio)
			folio_unlock(folio);
	}
}

/* Not inlined, so that the compiler makes better code of the loop over the pages. */
static noinline bool uf_shmem_is_mapped(const struct uf_run *run)
{
	return !uf_run_missing(run, 1);
}

static unsigned int uf_shmem_map_cached(struct uf_run *run)
{
	unsigned int within = uf_run_within_file(run);
	unsigned int taken = 0, mapped;

	/*
	 * Take no more pages than the file has. If it doesn't have even the first, shmem has to say
	 * what the error is.
	 */
	run->nr = clamp(within, 1U, UF_RUN_FOLIOS_MAX);
	if (run->nr > 1 && uf_shmem_is_mapped(run))	/* EEXIST: no need for the others */
		run->nr = 1;
	if (within)
		taken = uf_shmem_try_first(run);
	if (!taken)
		taken = uf_shmem_get_first(run);
	if (!taken)
		return 0;
	if (taken < run->nr)
		taken = uf_shmem_take_ready(run, taken);
	run->nr = taken;

	smp_wmb();	/* makes the caller's writes to the pages visible before the entries */
	mapped = uf_shmem_map(run);
	uf_shmem_release(run, taken, mapped);
	return mapped;
}

const struct uf_fill_ops uf_fill_shmem_shared_ops = {
	.fill[UF_FILL_COPY] = uf_shmem_copy,
	.fill[UF_FILL_ZERO] = uf_shmem_zero,
	.fill[UF_FILL_CONTINUE] = uf_shmem_map_cached,
	.fill[UF_FILL_POISON] = uf_run_poison,
	.copy_faulting = uf_run_copy_first,
	.release = uf_run_release,
};

const struct uf_fill_ops uf_fill_shmem_private_ops = {
	.fill[UF_FILL_COPY] = uf_anon_copy,
	.fill[UF_FILL_ZERO] = uf_anon_zero,
	.fill[UF_FILL_CONTINUE] = uf_shmem_map_cached,
	.fill[UF_FILL_POISON] = uf_run_poison,
	.copy_faulting = uf_run_copy_first,
	.release = uf_run_release,
};
