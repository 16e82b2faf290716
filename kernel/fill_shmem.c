// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling shmem: tmpfs, memfd, shared anonymous memory.
 *
 * Private mappings get anonymous pages (fill_anon.c), and the file stays as it is. With a shared
 * one a new page goes into the page cache, and from there into the page table.
 *
 * Why not by the way of write(2): it puts its bytes over what is there. That nothing is there can
 * be decided for all users of the file only in the page cache, under its lock. So that is where a
 * page goes, as khugepaged puts its own: allocated by the file's memory policy; complete; and locked,
 * until it is paid for and mapped too. Whoever finds it earlier, through another mapping or a
 * descriptor, waits for its lock, and then looks whether it is still in the cache. If it could not
 * be paid for, or not be mapped, it was taken out again, and nobody has seen it.
 *
 * shmem_charge() pays: it accounts for blocks, quota and commit limit, and counts the pages in the
 * cache. Before that they are neither counted nor paid for. So shmem's books, which compare the two,
 * are right at any time, and no room is taken for a page that turns out to be there already.
 *
 * A cache entry that is swapped out counts as a page, and so does one that fallocate(2) has
 * reserved.
 *
 * Locks of new folios are taken when nobody knows of them, and of cached ones without waiting for
 * more than one: there is no order among folios that could be violated.
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
 * How many of the run's pages, from the first on, the file hasn't, as far as can be told without
 * locks. Where it has none, an entry of the page table may still be taken, by a guard.
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
 * For a single page the entry of the page table alone says it, nearly always, and takes less time to
 * look at.
 */
static unsigned int uf_shmem_missing(const struct uf_run *run)
{
	return run->nr == 1 ? uf_run_missing(run, 1) : uf_shmem_missing_of_many(run);
}

/* Pay for @nr pages; if there is no room for so many, for fewer. How many. */
static unsigned int uf_shmem_charge(struct inode *inode, unsigned int nr)
{
	while (nr && !uf_compat_shmem_charge(inode, nr))
		nr /= 2;
	return nr;
}

/* Take the folios [@from, @to) out of the page cache again. They are locked until then. */
static void uf_shmem_uncache(struct uf_run *run, unsigned int from, unsigned int to)
{
	for (; from < to; from++) {
		uf_ksym(filemap_remove_folio)(run->folios[from]);
		folio_unlock(run->folios[from]);
		folio_put(run->folios[from]);
	}
}

/*
 * Whether the file's pages are simply to come from the local node. Policies are looked up like this
 * too.
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
 * Complete folios, charged to their cgroup, for the pages that are missing; the run is cut down to
 * what could be had, and to the file. As in uf_anon_prepare(), what is wrong with the first page is
 * found in upstream's order.
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
 * Put @folio, locked, where the page cache has nothing. Caller holds its lock; @xas says what is
 * wrong.
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

	/* Readers of the cache take no lock: all must be in place first. */
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

/* The run's folios into the page cache, up to the first place that is taken; not counted yet. */
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
 * Pay for what is in the page cache now. What there is no room for is taken out again: it is counted
 * first, because taking it out counts too.
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

/* Caller holds the page-table lock, and the folio's; the entry is none. */
static void uf_shmem_install(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
			     struct page *page, bool wp)
{
	bool writable = (vma->vm_flags & VM_SHARED) && (vma->vm_flags & VM_WRITE);
	pte_t entry = mk_pte(page, vma->vm_page_prot);

	/* Writable first: a read-only entry would be made dirty in the way of shadow stacks. */
	if (wp)
		entry = pte_mkuffd_wp(entry);
	else if (writable)
		entry = pte_mkwrite_novma(entry);
	entry = pte_mkdirty(entry);

	uf_compat_folio_add_file_rmap(page_folio(page), page, vma);
	set_pte_at(vma->vm_mm, addr, pte, entry);
	update_mmu_cache(vma, addr, pte);	/* nothing to flush: there was no entry */
}

/*
 * Map run->folios, which are in the page cache, and locked; how many. The entries take references
 * over.
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
	if (mapped < cached)	/* told of no further pages, it compares its books with the cache */
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
 * The run's pages from the @n-th on, as far as @folio has them and they are sound, into
 * run->folios, with a reference each. It is locked, with a reference that goes to the first. How
 * many there are now.
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

/* The same, if that needs no waiting; else the folio is let go. Takes a reference to it over. */
static unsigned int uf_shmem_try_take(struct uf_run *run, unsigned int n, struct folio *folio)
{
	unsigned int taken = n;

	if (!folio_trylock(folio))
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

/* The first page's folio, as it is in the cache. How many pages it has, 0 if it isn't ready. */
static unsigned int uf_shmem_try_first(struct uf_run *run)
{
	struct folio *folio = filemap_get_folio(uf_shmem_mapping(run), uf_shmem_index(run));

	return IS_ERR_OR_NULL(folio) ? 0 : uf_shmem_try_take(run, 0, folio);
}

/* The same, waited for, swapped in, or cleared, if need be; or what is wrong. */
static unsigned int uf_shmem_get_first(struct uf_run *run)
{
	struct folio *folio = NULL;
	unsigned int taken;
	int err;

	err = uf_compat_shmem_get_cached(uf_shmem_mapping(run)->host, uf_shmem_index(run), &folio);
	if (!folio) {	/* a hole, or behind the end, or it can't be had */
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
 * The pages from the @n-th on that are ready to be mapped, up to the first that isn't. How many
 * now.
 */
static unsigned int uf_shmem_take_ready(struct uf_run *run, unsigned int n)
{
	struct address_space *mapping = uf_shmem_mapping(run);
	pgoff_t index = uf_shmem_index(run), next;
	struct folio_batch batch __uninitialized;	/* it is made empty below */
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

/* Unlock each folio once, and put back what wasn't mapped; the cache has a reference of its own. */
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

/* Apart, because the loop over the pages is better off without. */
static noinline bool uf_shmem_is_mapped(const struct uf_run *run)
{
	return !uf_run_missing(run, 1);
}

static unsigned int uf_shmem_map_cached(struct uf_run *run)
{
	unsigned int within = uf_run_within_file(run);
	unsigned int taken = 0, mapped;

	/*
	 * No further pages than the file has; and if it hasn't the first, shmem is to say what that
	 * is.
	 */
	run->nr = clamp(within, 1U, UF_RUN_FOLIOS_MAX);
	if (run->nr > 1 && uf_shmem_is_mapped(run))	/* nor those behind one that is mapped */
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

	smp_wmb();	/* what the caller has written to the pages is seen before they are */
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
