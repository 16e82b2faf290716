// SPDX-License-Identifier: GPL-2.0-only
/* Moving a huge page whole if it fits; otherwise splitting it for move_run.c. See move.h. */
#include <linux/userfault.h>

#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "compat/compat.h"
#include "folio_lock.h"
#include "move_step.h"

/* Whether the move takes the whole huge page to a place that has no page table. */
static bool uf_move_huge_fits(const struct uf_moving *moving)
{
	return IS_ALIGNED(moving->src | moving->dst, HPAGE_PMD_SIZE) &&
	       moving->len >= HPAGE_PMD_SIZE &&
	       pmd_none(pmdp_get_lockless(moving->dst_pmd));
}

static bool uf_move_huge_may_go(struct folio *folio)
{
	return !folio || (PageAnonExclusive(&folio->page) && !folio_maybe_dma_pinned(folio));
}

/*
 * Move the entry to the destination. EBUSY: the folio may be pinned or shared, and stays. EAGAIN:
 * an entry has changed. The caller holds both page-table locks.
 */
static int uf_move_huge_locked(struct uf_moving *moving, pmd_t entry, struct folio *folio)
{
	struct vm_area_struct *dst_vma = moving->dst_vma;
	pgtable_t table;

	lockdep_assert_held(pmd_lockptr(moving->mm, moving->dst_pmd));
	lockdep_assert_held(pmd_lockptr(moving->mm, moving->src_pmd));

	if (!pmd_same(*moving->src_pmd, entry) || !pmd_none(*moving->dst_pmd))
		return -EAGAIN;
	if (!uf_move_huge_may_go(folio))
		return -EBUSY;

	entry = uf_ksym(pmdp_huge_clear_flush)(moving->src_vma, moving->src, moving->src_pmd);
	uf_compat_notifier_flush(&moving->range, moving->told);
	if (!uf_move_huge_may_go(folio)) {
		set_pmd_at(moving->mm, moving->src, moving->src_pmd, entry);
		return -EBUSY;
	}
	if (folio) {
		uf_compat_folio_move_anon(folio, dst_vma,
					  uf_compat_anon_index(dst_vma, moving->dst));
		entry = uf_compat_folio_mk_pmd(folio, uf_compat_move_prot(dst_vma));
		entry = pmd_mkdirty(entry);
		entry = uf_compat_rwp(dst_vma) ? pmd_mkuffd_wp(entry) : pmd_mkwrite_novma(entry);
	} else {
		entry = uf_compat_move_zero_pmd(dst_vma, entry);
	}
	set_pmd_at(moving->mm, moving->dst, moving->dst_pmd, pmd_mksoft_dirty(entry));

	table = uf_ksym(pgtable_trans_huge_withdraw)(moving->mm, moving->src_pmd);
	uf_ksym(pgtable_trans_huge_deposit)(moving->mm, moving->dst_pmd, table);
	return 0;
}

/* @folio: the caller has a reference; NULL: the huge zero page. */
static int uf_move_huge_folio(struct uf_moving *moving, pmd_t entry, struct folio *folio)
{
	spinlock_t *src_ptl = pmd_lockptr(moving->mm, moving->src_pmd);
	spinlock_t *dst_ptl = pmd_lockptr(moving->mm, moving->dst_pmd);
	struct uf_compat_anon_keep keep;
	struct uf_compat_anon_lock anon;
	int err = -EAGAIN;

	if (uf_compat_anon_keep_begin(&keep))
		return -ENOMEM;
	moving->told = uf_compat_notifier_start(&moving->range, MMU_NOTIFY_CLEAR, moving->src_vma,
						moving->src, moving->src + HPAGE_PMD_SIZE);
	uf_compat_anon_init(&anon);
	if (folio) {
		uf_folio_lock(folio);
		if (!uf_compat_anon_lock(&anon, folio))
			goto unlock;
		uf_compat_anon_keep(&keep, folio);
	}
	uf_move_lock(dst_ptl, src_ptl);
	err = uf_move_huge_locked(moving, entry, folio);
	uf_move_unlock(dst_ptl, src_ptl);
	uf_compat_anon_unlock(&anon);
unlock:
	if (folio)
		folio_unlock(folio);
	uf_compat_notifier_end(&moving->range, moving->told);
	uf_compat_anon_keep_end(&keep);
	return err;
}

int uf_move_wait_huge(struct mm_struct *mm, pmd_t *pmd, pmd_t entry, int other)
{
	if (!pmd_is_migration_entry(entry))
		return other;
	uf_ksym(pmd_migration_entry_wait)(mm, pmd);
	return -EAGAIN;
}

long uf_move_huge(struct uf_moving *moving)
{
	struct folio *folio = NULL;
	struct page *page;
	spinlock_t *ptl;
	pmd_t entry;
	long err;

	ptl = pmd_lock(moving->mm, moving->src_pmd);
	entry = *moving->src_pmd;
	if (!pmd_present(entry) || !pmd_trans_huge(entry)) {
		spin_unlock(ptl);
		return pmd_none(entry) || pmd_present(entry) ? -EAGAIN :
		       uf_move_wait_huge(moving->mm, moving->src_pmd, entry, -EFAULT);
	}

	page = uf_ksym(vm_normal_page_pmd)(moving->src_vma, moving->src & HPAGE_PMD_MASK, entry);
	if (page)
		folio = page_folio(page);
	if (folio && !PageAnonExclusive(&folio->page)) {
		spin_unlock(ptl);
		return -EBUSY;
	}
	if (!uf_move_huge_fits(moving)) {
		spin_unlock(ptl);
		uf_compat_split_huge_pmd(moving->src_vma, moving->src_pmd,
					 moving->src & HPAGE_PMD_MASK);
		return -EAGAIN;
	}
	if (folio)
		folio_get(folio);
	spin_unlock(ptl);

	err = uf_move_huge_folio(moving, entry, folio);
	if (folio)
		folio_put(folio);
	return err ?: HPAGE_PMD_SIZE;
}
