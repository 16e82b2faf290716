// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving the pages of a page table; see move.h.
 *
 * Under both page-table locks a run takes page after page: it trylocks the folio and its anon_vma,
 * and clears the entry. Then the TLBs are flushed once for all pages. Now nobody can reach the
 * pages by their old addresses any more, and the run maps them at the new ones. A thread that pins
 * a folio through the page table without locks has either pinned it when the flush returns, or sees
 * that the entry has changed.
 */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "compat/compat.h"
#include "folio_lock.h"
#include "move_step.h"

/* The most pages of a run: so many that the costs per run are next to nothing per page. */
#define UF_MOVE_RUN_MAX	64

/* How often a move tries to split a large folio while somebody else has a reference to it. */
#define UF_MOVE_TRIES_MAX 32

/* What the first page of a run has to wait for, or needs that can't be done in the run. */
enum uf_move_obstacle {
	UF_MOVE_NO_OBSTACLE,
	UF_MOVE_FOLIO_LOCKED,
	UF_MOVE_FOLIO_LARGE,
	UF_MOVE_ANON_VMA_LOCKED,
	UF_MOVE_MIGRATING,
	UF_MOVE_SWAPPED,
};

/* A page that was taken. */
struct uf_move_page {
	pte_t entry;		/* what the source had */
	struct folio *folio;	/* locked; NULL: the zero page, or a hole */
};

struct uf_move_run {
	struct uf_moving *moving;
	pte_t *dst, *src;
	spinlock_t *dst_ptl, *src_ptl;
	struct uf_compat_anon_lock anon;	/* for all the folios taken */
	struct uf_compat_anon_keep keep;	/* the anon_vma that they belonged to */
	unsigned int max;			/* most pages */
	unsigned int nr;			/* pages taken */
	bool present;				/* not all of them are holes */
	enum uf_move_obstacle obstacle;
	struct folio *obstacle_folio;		/* with a reference */
	pte_t obstacle_entry;
	struct uf_move_page pages[UF_MOVE_RUN_MAX];
};

/*
 * Map and lock both page tables; undo with uf_move_run_unmap(). EAGAIN: one was replaced. Both are
 * inline, so that sparse sees in their callers how many locks are held. They can't be traced, then.
 */
static inline int uf_move_run_map(struct uf_move_run *run)
{
	struct uf_moving *moving = run->moving;
	pmd_t dst_pmd, src_pmd;
	pte_t *dst, *src;

	dst = uf_compat_pte_map_pmd(moving->dst_pmd, moving->dst, &dst_pmd);
	if (!dst)
		return -EAGAIN;
	src = uf_compat_pte_map_pmd(moving->src_pmd, moving->src, &src_pmd);
	if (!src)
		goto unmap_dst;

	run->dst = dst;
	run->src = src;
	run->dst_ptl = pte_lockptr(moving->mm, &dst_pmd);
	run->src_ptl = pte_lockptr(moving->mm, &src_pmd);
	uf_move_lock(run->dst_ptl, run->src_ptl);
	if (likely(pmd_same(dst_pmd, pmdp_get_lockless(moving->dst_pmd)) &&
		   pmd_same(src_pmd, pmdp_get_lockless(moving->src_pmd)))) {
		/* Pages that reclaim has just unmapped may still be written to through a TLB. */
		uf_ksym(flush_tlb_batched_pending)(moving->mm);
		return 0;
	}

	uf_move_unlock(run->dst_ptl, run->src_ptl);
	pte_unmap(src);
unmap_dst:
	pte_unmap(dst);
	return -EAGAIN;
}

static inline void uf_move_run_unmap(struct uf_move_run *run)
{
	uf_move_unlock(run->dst_ptl, run->src_ptl);
	pte_unmap(run->src);
	pte_unmap(run->dst);
}

/* One past the last page that was taken. */
static struct uf_move_page *uf_move_run_end(struct uf_move_run *run)
{
	return run->pages + run->nr;
}

/* End the run. At its first page, note the obstacle, which uf_move_overcome() has to deal with. */
static int uf_move_stop(struct uf_move_run *run, enum uf_move_obstacle obstacle,
			struct folio *folio)
{
	if (!run->nr) {
		run->obstacle = obstacle;
		run->obstacle_folio = folio;
		if (folio)
			folio_get(folio);
	}
	return -EAGAIN;
}

static int uf_move_take_swap(struct uf_move_run *run, pte_t entry)
{
	swp_entry_t swap = softleaf_from_pte(entry);

	if (softleaf_is_migration(swap))
		return uf_move_stop(run, UF_MOVE_MIGRATING, NULL);
	if (!softleaf_is_swap(swap))
		return -EFAULT;
	if (!pte_swp_exclusive(entry))
		return -EBUSY;
	run->obstacle_entry = entry;
	return uf_move_stop(run, UF_MOVE_SWAPPED, NULL);
}

/*
 * A large folio has to be split, which fails while anybody else has a reference to it. So a move
 * never waits for its lock: two moves that waited, each with a reference, would keep each other
 * from splitting it.
 */
static int uf_move_stop_large(struct uf_move_run *run, struct folio *folio)
{
	if (folio_maybe_dma_pinned(folio))
		return -EBUSY;
	if (run->nr)
		return -EAGAIN;
	if (!uf_folio_trylock(folio)) {
		run->moving->idle++;
		return -EAGAIN;
	}
	return uf_move_stop(run, UF_MOVE_FOLIO_LARGE, folio);
}

/*
 * Take @page of @folio: lock the folio, and its anon_vma unless the run has locked that already.
 * uf_move_install() checks whether the folio is pinned, when nobody can reach it any more.
 */
static __always_inline int uf_move_take_page(struct uf_move_run *run, struct folio *folio,
					     struct page *page)
{
	if (!folio_test_anon(folio) || !PageAnonExclusive(page))
		return -EBUSY;
	if (unlikely(folio_test_large(folio)))
		return uf_move_stop_large(run, folio);
	if (!uf_folio_trylock(folio))
		return uf_move_stop(run, UF_MOVE_FOLIO_LOCKED, folio);
	if (!uf_compat_anon_trylock(&run->anon, folio) ||
	    !uf_compat_anon_keep(&run->keep, folio)) {
		folio_unlock(folio);
		return uf_move_stop(run, UF_MOVE_ANON_VMA_LOCKED, folio);
	}
	return 0;
}

/*
 * Take the page at @src into the run, and clear its entry, *@src_pte. The caller holds both
 * page-table locks.
 */
static __always_inline int uf_move_take(struct uf_move_run *run, struct uf_move_page *taken,
					unsigned long src, pte_t *src_pte, pte_t *dst_pte)
{
	struct vm_area_struct *vma = run->moving->src_vma;
	pte_t entry = ptep_get(src_pte);
	struct folio *folio = NULL;
	struct page *page;
	int err;

	lockdep_assert_held(run->dst_ptl);
	lockdep_assert_held(run->src_ptl);

	if (unlikely(!pte_none(ptep_get(dst_pte))))
		return -EEXIST;
	if (unlikely(pte_none(entry))) {
		*taken = (struct uf_move_page){ entry, NULL };
		return run->moving->holes ? 0 : -ENOENT;
	}
	if (unlikely(!pte_present(entry)))
		return uf_move_take_swap(run, entry);
	page = uf_ksym(vm_normal_page)(vma, src, entry);
	if (likely(page)) {
		folio = page_folio(page);
		err = uf_move_take_page(run, folio, page);
		if (unlikely(err))
			return err;
	} else if (!is_zero_pfn(pte_pfn(entry))) {
		return -EBUSY;
	}
	taken->entry = ptep_get_and_clear(vma->vm_mm, src, src_pte);
	taken->folio = folio;
	run->present = true;
	return 0;
}

/* Take as many pages as possible. Returns the error of the first that can't be taken, or 0. */
static int uf_move_take_all(struct uf_move_run *run)
{
	unsigned long src = run->moving->src;
	pte_t *src_pte = run->src, *dst_pte = run->dst;
	struct uf_move_page *page = run->pages;
	struct uf_move_page *end = page + run->max;
	int err;

	for (; page < end; page++, src_pte++, dst_pte++, src += PAGE_SIZE) {
		err = uf_move_take(run, page, src, src_pte, dst_pte);
		if (unlikely(err))
			return err;
		run->nr++;
	}
	return 0;
}

/* The entry at the destination, for a page that was taken. */
static pte_t uf_move_entry(pte_t old, struct folio *folio, pgprot_t prot, bool rwp)
{
	pte_t entry = pte_mksoft_dirty(folio_mk_pte(folio, prot));

	if (pte_dirty(old))
		entry = pte_mkdirty(entry);
	return rwp ? pte_mkuffd_wp(entry) : pte_mkwrite_novma(entry);
}

/* The same for the zero page. */
static pte_t uf_move_zero_entry(unsigned long dst, pgprot_t prot, bool rwp)
{
	pte_t entry = pte_mkspecial(pfn_pte(zero_pfn(dst), prot));

	return rwp ? pte_mkuffd_wp(entry) : entry;
}

/* Put the pages from the @n-th on back where they were. */
static void uf_move_put_back(struct uf_move_run *run, unsigned int n)
{
	struct uf_moving *moving = run->moving;
	struct uf_move_page *page;

	for (; n < run->nr; n++) {
		page = run->pages + n;
		if (!pte_none(page->entry))
			set_pte_at(moving->mm, moving->src + n * PAGE_SIZE, run->src + n,
				   page->entry);
		if (page->folio)
			folio_unlock(page->folio);
	}
}

/* Map the pages and unlock their folios, up to one that was pinned meanwhile. Returns how many. */
static unsigned int uf_move_install(struct uf_move_run *run)
{
	struct uf_move_page *page, *end = uf_move_run_end(run);
	struct vm_area_struct *vma = run->moving->dst_vma;
	unsigned long dst = run->moving->dst;
	pgoff_t index = uf_compat_anon_index(vma, dst);
	pgprot_t prot = uf_compat_move_prot(vma);
	bool rwp = uf_compat_rwp(vma);
	pte_t *pte = run->dst;

	for (page = run->pages; page < end; page++, pte++, index++, dst += PAGE_SIZE) {
		struct folio *folio = page->folio;

		if (unlikely(!folio)) {
			if (!pte_none(page->entry))
				set_pte_at(vma->vm_mm, dst, pte,
					   uf_move_zero_entry(dst, prot, rwp));
			continue;
		}
		if (unlikely(folio_maybe_dma_pinned(folio)))
			break;
		uf_compat_folio_move_anon(folio, vma, index);
		set_pte_at(vma->vm_mm, dst, pte, uf_move_entry(page->entry, folio, prot, rwp));
		update_mmu_cache(vma, dst, pte);
		folio_unlock(folio);
	}
	if (unlikely(page < end))
		uf_move_put_back(run, page - run->pages);
	return page - run->pages;
}

/* Take as many pages as possible, and move them. Returns the bytes, or the first page's error. */
static long uf_move_run_locked(struct uf_move_run *run)
{
	struct uf_moving *moving = run->moving;
	unsigned int moved;
	int err = uf_move_take_all(run);

	if (!run->nr)
		return err;

	if (run->present) {
		uf_ksym(flush_tlb_mm_range)(moving->mm, moving->src,
					    moving->src + run->nr * PAGE_SIZE, PAGE_SHIFT, false);
		uf_compat_notifier_flush(&moving->range, moving->told);
	}
	moved = uf_move_install(run);
	return moved ? (long)moved << PAGE_SHIFT : -EBUSY;
}

static bool uf_move_swap_unchanged(const struct uf_move_run *run, struct folio *folio)
{
	swp_entry_t swap = softleaf_from_pte(run->obstacle_entry);
	struct folio *cached;

	if (!pte_same(ptep_get(run->src), run->obstacle_entry) || !pte_none(ptep_get(run->dst)))
		return false;
	if (folio)
		return true;
	/* If it was swapped in and out again, the swap cache has a folio with the old address. */
	cached = uf_compat_swap_cache_get(swap);
	if (cached)
		folio_put(cached);
	return !cached;
}

/* Move the swap entry, and with it @folio, which is locked, if the swap cache has one. */
static long uf_move_swap_entry(struct uf_move_run *run, struct folio *folio)
{
	struct uf_moving *moving = run->moving;
	pgoff_t index = uf_compat_anon_index(moving->dst_vma, moving->dst);
	long moved = -EAGAIN;
	pte_t entry;

	if (uf_move_run_map(run))
		return -EAGAIN;
	if (uf_move_swap_unchanged(run, folio)) {
		/* A folio that was only read in has no address yet. */
		if (folio && folio_test_anon(folio)) {
			uf_compat_anon_keep(&run->keep, folio);
			uf_compat_folio_move_anon(folio, moving->dst_vma, index);
		}
		entry = ptep_get_and_clear(moving->mm, moving->src, run->src);
		entry = pte_swp_clear_uffd_wp(pte_swp_mksoft_dirty(entry));
		entry = uf_compat_rwp_swap_pte(moving->dst_vma, entry);
		set_pte_at(moving->mm, moving->dst, run->dst, entry);
		moved = PAGE_SIZE;
	}
	uf_move_run_unmap(run);
	return moved;
}

static long uf_move_swapped(struct uf_move_run *run)
{
	swp_entry_t swap = softleaf_from_pte(run->obstacle_entry);
	struct swap_info_struct *device;
	struct folio *folio;
	long moved;

	device = uf_ksym(get_swap_device)(swap);
	if (!device)
		return -EAGAIN;
	folio = uf_compat_swap_cache_get(swap);
	if (!folio) {
		moved = uf_move_swap_entry(run, NULL);
	} else if (folio_test_large(folio)) {
		moved = -EBUSY;		/* mm can't split a large folio that isn't mapped */
	} else {
		uf_folio_lock(folio);
		moved = uf_compat_folio_has_swap(folio, swap) ? uf_move_swap_entry(run, folio)
							      : -EAGAIN;
		folio_unlock(folio);
	}
	if (folio)
		folio_put(folio);
	put_swap_device(device);
	return moved;
}

/*
 * Split the first page's folio, which is large and locked, and which the caller has a reference to.
 * Another holder of a reference, a pipe for instance, may keep it as long as it likes: EBUSY if it
 * isn't dropped soon. EAGAIN: try again, also after the split.
 */
static int uf_move_split(struct uf_moving *moving, struct folio *folio)
{
	int err = uf_compat_split_folio(folio);

	if (err != -EAGAIN)
		return err ?: -EAGAIN;
	moving->idle++;
	return ++moving->tries == UF_MOVE_TRIES_MAX ? -EBUSY : -EAGAIN;
}

/*
 * Do what the first page needs, without page-table locks. Returns the bytes moved, or an error; if
 * there is none, -EAGAIN.
 */
static long uf_move_overcome(struct uf_move_run *run)
{
	struct folio *folio = run->obstacle_folio;
	long err = -EAGAIN;

	switch (run->obstacle) {
	case UF_MOVE_NO_OBSTACLE:
		break;
	case UF_MOVE_MIGRATING:
		uf_ksym(migration_entry_wait)(run->moving->mm, run->moving->src_pmd,
					      run->moving->src);
		break;
	case UF_MOVE_SWAPPED:
		err = uf_move_swapped(run);
		break;
	case UF_MOVE_FOLIO_LOCKED:
		uf_folio_lock(folio);
		folio_unlock(folio);
		break;
	case UF_MOVE_FOLIO_LARGE:
		err = uf_move_split(run->moving, folio);
		folio_unlock(folio);
		break;
	case UF_MOVE_ANON_VMA_LOCKED:
		/* Kept for the next attempt: a trylock might fail again and again. */
		uf_folio_lock(folio);
		uf_compat_anon_lock(&run->anon, folio);
		folio_unlock(folio);
		break;
	}
	if (folio)
		folio_put(folio);
	return err;
}

/* Try the run once. Unlocks run->anon at the end. */
static long uf_move_attempt(struct uf_move_run *run)
{
	long moved;

	run->nr = 0;
	run->present = false;
	run->obstacle = UF_MOVE_NO_OBSTACLE;
	run->obstacle_folio = NULL;

	moved = uf_move_run_map(run);
	if (!moved) {
		moved = uf_move_run_locked(run);
		uf_move_run_unmap(run);
	}
	uf_compat_anon_unlock(&run->anon);
	return moved;
}

long uf_move_run(struct uf_moving *moving)
{
	struct uf_move_run run __uninitialized;		/* not to clear the arrays */
	long moved;

	if (uf_compat_anon_keep_begin(&run.keep))
		return -ENOMEM;
	run.moving = moving;
	run.max = min_t(unsigned long, moving->reach >> PAGE_SHIFT, UF_MOVE_RUN_MAX);
	uf_compat_anon_init(&run.anon);

	moving->told = uf_compat_notifier_start(&moving->range, MMU_NOTIFY_CLEAR, moving->src_vma,
						moving->src, moving->src + run.max * PAGE_SIZE);
	do {
		moved = uf_move_attempt(&run);
		if (moved == -EAGAIN)
			moved = uf_move_overcome(&run);
	} while (run.anon.root);
	uf_compat_notifier_end(&moving->range, moving->told);
	uf_compat_anon_keep_end(&run.keep);
	return moved;
}
