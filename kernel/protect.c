// SPDX-License-Identifier: GPL-2.0-only
/* Write protection and read-write protection; see protect.h. */
#include <linux/userfault.h>

#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "compat/tlb.h"
#include "ctx.h"
#include "page_table.h"
#include "protect.h"

/* The protection of a part of one VMA, under way. */
struct uf_protecting {
	struct mmu_gather tlb;
	struct vm_area_struct *vma;
	unsigned long mode;		/* VM_UFFD_WP or VM_UFFD_RWP */
	bool protect;
	bool populate;			/* protect absent pages too */
	bool killable;			/* stop if the caller is being killed */
};

/* The flags for change_protection(). */
static unsigned long uf_protect_flags(const struct uf_protecting *work)
{
	bool rwp = work->mode & VM_UFFD_RWP;

	if (work->protect)
		return rwp ? MM_CP_UFFD_RWP : MM_CP_UFFD_WP;
	return (rwp ? MM_CP_UFFD_RWP_RESOLVE : MM_CP_UFFD_WP_RESOLVE) |
	       (work->vma->vm_flags & VM_WRITE ? MM_CP_TRY_CHANGE_WRITABLE : 0);
}

/* mm's walk, for entries and memory that our walk doesn't know. */
static int uf_protect_by_mm(struct uf_protecting *work, unsigned long start, unsigned long end)
{
	long changed;

	changed = uf_compat_change_protection(&work->tlb, work->vma, start, end,
					      uf_protect_flags(work));
	return changed < 0 ? changed : 0;
}

/*
 * Whether the entry of this private page may be made writable at once, because a write fault would
 * do nothing else. It may not if soft-dirty tracking has to see that fault.
 */
static bool uf_protect_may_write(struct vm_area_struct *vma, pte_t pte)
{
	struct page *page;

	if (!(vma->vm_flags & VM_WRITE) || pte_protnone(pte) || pte_special(pte))
		return false;
	if (IS_ENABLED(CONFIG_MEM_SOFT_DIRTY) && !(vma->vm_flags & VM_SOFTDIRTY) &&
	    !pte_soft_dirty(pte))
		return false;
	page = pte_page(pte);
	return PageAnon(page) && PageAnonExclusive(page);
}

/* Change the entry of a present page. Returns whether a TLB may still allow writes to the page. */
static bool uf_protect_present(struct uf_protecting *work, unsigned long addr, pte_t *pte,
			       pte_t old)
{
	pte_t entry;

	if (!!pte_uffd_wp(old) == work->protect && !(work->protect && pte_write(old)))
		return false;

	old = ptep_modify_prot_start(work->vma, addr, pte);
	if (work->protect) {
		entry = pte_mkuffd_wp(pte_wrprotect(old));
	} else {
		entry = pte_clear_uffd_wp(old);
		if (uf_protect_may_write(work->vma, entry))
			entry = pte_mkwrite_novma(entry);
	}
	ptep_modify_prot_commit(work->vma, addr, pte, old, entry);
	return pte_write(old);
}

/* Change the entry of a swapped-out page, or a marker. False: the entry is neither. */
static bool uf_protect_absent(struct uf_protecting *work, unsigned long addr, pte_t *pte, pte_t old)
{
	struct mm_struct *mm = work->vma->vm_mm;

	if (softleaf_is_swap(softleaf_from_pte(old))) {
		if (!!pte_swp_uffd_wp(old) != work->protect)
			set_pte_at(mm, addr, pte, work->protect ? pte_swp_mkuffd_wp(old)
								: pte_swp_clear_uffd_wp(old));
		return true;
	}
	if (!pte_is_uffd_wp_marker(old))
		return false;
	if (!work->protect)
		pte_clear(mm, addr, pte);
	return true;
}

/* Change the entries of one page table, up to one that our walk doesn't know. Returns where. */
static unsigned long uf_protect_ptes(struct uf_protecting *work, pmd_t *pmd, unsigned long addr,
				     unsigned long end)
{
	struct mm_struct *mm = work->vma->vm_mm;
	unsigned long flush_start = end, flush_end = addr;
	pte_t *first, *pte, old;
	spinlock_t *ptl;

	first = uf_compat_pte_map_lock(mm, pmd, addr, &ptl);
	if (!first)
		return addr;
	/* Pages that reclaim has just unmapped may still be written to through a TLB. */
	uf_ksym(flush_tlb_batched_pending)(mm);
	for (pte = first; addr < end; addr += PAGE_SIZE, pte++) {
		old = ptep_get(pte);
		if (pte_present(old)) {
			if (uf_protect_present(work, addr, pte, old)) {
				flush_start = min(flush_start, addr);
				flush_end = addr + PAGE_SIZE;
			}
		} else if (!pte_none(old)) {
			if (!uf_protect_absent(work, addr, pte, old))
				break;
		} else if (work->populate) {
			set_pte_at(mm, addr, pte, uf_compat_wp_absent_pte(work->vma, addr));
		}
	}
	if (flush_start < flush_end)
		tlb_flush_pte_range(&work->tlb, flush_start, flush_end - flush_start);
	pte_unmap_unlock(first, ptl);
	return addr;
}

/* Change the range that one pmd entry maps. */
static int uf_protect_pmd(struct uf_protecting *work, pmd_t *pmd, unsigned long addr,
			  unsigned long end)
{
	pmd_t val;
	int err = 0;

	if (work->populate && uf_pte_alloc(work->vma->vm_mm, pmd))
		return -ENOMEM;
	val = pmdp_get_lockless(pmd);
	if (pmd_none(val) && !work->populate)
		return 0;
	if (!uf_pmd_is_table(val))
		return uf_protect_by_mm(work, addr, end);

	while (!err) {
		addr = uf_protect_ptes(work, pmd, addr, end);
		if (addr == end)
			break;
		err = uf_protect_by_mm(work, addr, addr + PAGE_SIZE);
		addr += PAGE_SIZE;
		if (addr == end)
			break;
	}
	return err;
}

/*
 * A range may be terabytes long, and protecting absent pages makes page tables for all of it: if
 * the caller is killed, a command stops. A mapping that loses its registration is unprotected to
 * its end.
 */
static int uf_protect_interrupted(const struct uf_protecting *work)
{
	cond_resched();
	return work->killable && fatal_signal_pending(current) ? -EINTR : 0;
}

/* Walk private anonymous memory, where nearly all entries are pages or none. */
static int uf_protect_tables(struct uf_protecting *work, unsigned long start, unsigned long end)
{
	struct mm_struct *mm = work->vma->vm_mm;
	unsigned long next;
	pmd_t *pmd;
	int err = 0;

	for (; start < end && !err; start = next) {
		pmd = work->populate ? uf_pmd_alloc(mm, start) : uf_pmd_find(mm, start);
		if (IS_ERR_OR_NULL(pmd)) {
			next = pud_addr_end(start, end);
			err = PTR_ERR_OR_ZERO(pmd);
		} else {
			next = pmd_addr_end(start, end);
			err = uf_protect_pmd(work, pmd, start, next);
		}
		err = err ?: uf_protect_interrupted(work);
	}
	return err;
}

static int uf_protect_anon(struct uf_protecting *work, unsigned long start, unsigned long end)
{
	struct mmu_notifier_range range __uninitialized;	/* unused without notifiers */
	bool told;
	int err;

	told = uf_compat_notifier_start(&range, MMU_NOTIFY_PROTECTION_VMA, work->vma, start, end);
	err = uf_protect_tables(work, start, end);
	uf_compat_notifier_end(&range, told);
	return err;
}

/*
 * Make sure that @pmd has a page table, also where it maps a huge page. Splitting a file's huge
 * page unmaps it, and a fault may map it again at once: change_protection() of some kernels would
 * then leave it as it is.
 */
static int uf_protect_make_table(struct uf_protecting *work, pmd_t *pmd, unsigned long addr)
{
	int err = 0;

	while (!err) {
		if (uf_pte_alloc(work->vma->vm_mm, pmd))
			return -ENOMEM;
		if (uf_pmd_is_table(pmdp_get_lockless(pmd)))
			break;
		uf_compat_split_huge_pmd(work->vma, pmd, addr & PMD_MASK);
		err = uf_protect_interrupted(work);
	}
	return err;
}

/*
 * Protect or unprotect file memory. Protected pages that are absent get markers, which need page
 * tables. If there is no memory for these, we return an error; change_protection() of some kernels
 * only warns.
 */
static int uf_protect_file(struct uf_protecting *work, unsigned long start, unsigned long end)
{
	struct mm_struct *mm = work->vma->vm_mm;
	unsigned long addr, next;
	pmd_t *pmd;
	int err = 0;

	for (addr = start; work->protect && addr < end && !err; addr = next) {
		next = pmd_addr_end(addr, end);
		pmd = uf_pmd_alloc(mm, addr);
		if (pmd == ERR_PTR(-EEXIST))
			next = pud_addr_end(addr, end);
		else
			err = IS_ERR(pmd) ? PTR_ERR(pmd) : uf_protect_make_table(work, pmd, addr);
		err = err ?: uf_protect_interrupted(work);
	}
	return err ?: uf_protect_by_mm(work, start, end);
}

static int uf_protect_lock_inode(const struct uf_protecting *work, struct inode *inode)
{
	if (work->killable)
		return down_read_killable(&inode->i_rwsem);
	inode_lock_shared(inode);
	return 0;
}

/*
 * Protect or unprotect hugetlb memory. change_protection() takes the VMA's hugetlb lock. On a
 * private mapping this must happen under the inode's lock: fill_hugetlb.c says why. The inode's
 * lock comes inside the mmap lock, as hugetlb has it.
 */
static int uf_protect_hugetlb(struct uf_protecting *work, unsigned long start, unsigned long end)
{
	struct inode *inode = file_inode(work->vma->vm_file);
	bool private = !(work->vma->vm_flags & VM_MAYSHARE);
	int err = 0;

	if (private)
		err = uf_protect_lock_inode(work, inode);
	if (err)
		return err;
	if (work->protect)
		err = uf_compat_wp_hugetlb_prepare(work->vma, start, end);
	err = err ?: uf_protect_by_mm(work, start, end);
	if (private)
		inode_unlock_shared(inode);
	return err;
}

static int uf_protect_step(struct uf_protecting *work, unsigned long start, unsigned long end)
{
	if (is_vm_hugetlb_page(work->vma))
		return uf_protect_hugetlb(work, start, end);
	if (work->mode & VM_UFFD_RWP)
		return uf_protect_by_mm(work, start, end);
	return uf_protect_file(work, start, end);
}

/*
 * Everything but write protection of anonymous memory. mm's walk doesn't stop when the caller is
 * killed. So it gets no more than this at a time, which takes a few milliseconds on an emulated
 * processor if all of it is in page tables. Of hugetlb it gets a gigabyte, which has whole huge
 * pages of every size.
 */
#define UF_PROTECT_STEP	SZ_64M

static noinline int uf_protect_rest(struct uf_protecting *work, unsigned long start,
				    unsigned long end)
{
	unsigned long step = is_vm_hugetlb_page(work->vma) ? PUD_SIZE : UF_PROTECT_STEP;
	unsigned long next;
	int err = 0;

	for (; start < end && !err; start = next) {
		next = min(round_down(start, step) + step, end);
		err = uf_protect_step(work, start, next) ?: uf_protect_interrupted(work);
	}
	return err;
}

static int uf_protect_vma(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			  unsigned long mode, bool protect, bool killable)
{
	struct uf_protecting work __uninitialized;
	int err;

	lockdep_assert_held(&vma->vm_mm->mmap_lock);

	work.vma = vma;
	work.mode = mode;
	work.protect = protect;
	work.killable = killable;
	work.populate = protect && uf_compat_wp_absent(vma);	/* used for anonymous memory */

	uf_ksym(tlb_gather_mmu)(&work.tlb, vma->vm_mm);
	if (!(mode & VM_UFFD_RWP) && vma_is_anonymous(vma))
		err = uf_protect_anon(&work, start, end);
	else
		err = uf_protect_rest(&work, start, end);
	uf_ksym(tlb_finish_mmu)(&work.tlb);
	return err;
}

void uf_protect_clear(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		      unsigned long mode)
{
	mmap_assert_write_locked(vma->vm_mm);

	uf_protect_vma(vma, start, end, mode, false, false);	/* allocates nothing: can't fail */
}

/*
 * Check that every VMA of the range can be protected. Returns the first VMA, or an error. The VMAs
 * may be registered with other contexts.
 */
static struct vm_area_struct *uf_protect_check(struct mm_struct *mm, unsigned long start,
					       unsigned long end, unsigned long mode)
{
	VMA_ITERATOR(vmi, mm, start);
	struct vm_area_struct *vma, *first = NULL;

	for_each_vma_range(vmi, vma, end) {
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		cond_resched();
		if (!(vma->vm_flags & mode))
			return ERR_PTR(-ENOENT);
		if (is_vm_hugetlb_page(vma) &&
		    !IS_ALIGNED(start | end, vma_kernel_pagesize(vma)))
			return ERR_PTR(-EINVAL);
		if (!first)
			first = vma;
		if (vma->vm_end >= end)
			break;
	}
	return first ?: ERR_PTR(-ENOENT);
}

static int uf_protect_locked(struct mm_struct *mm, unsigned long start, unsigned long end,
			     unsigned long mode, bool protect)
{
	struct vm_area_struct *vma;
	unsigned long vma_start, vma_end;
	int err = 0;

	vma = uf_protect_check(mm, start, end, mode);
	if (IS_ERR(vma))
		return PTR_ERR(vma);

	while (vma && !err) {
		vma_start = max(start, vma->vm_start);
		vma_end = min(end, vma->vm_end);
		err = uf_protect_vma(vma, vma_start, vma_end, mode, protect, true);
		if (vma_end == end)
			break;
		vma = find_vma_intersection(mm, vma_end, end);
	}
	return err;
}

static void uf_protect_unlock(struct uf_ctx *ctx)
{
	uf_changes_unlock(&ctx->changes);
	mmap_read_unlock(ctx->view.mm);
}

/* Wait until no mapping is changing, and keep it so. Errors as of uf_changes_await(). */
static int uf_protect_lock(struct uf_ctx *ctx)
{
	int err;

	do {
		mmap_read_lock(ctx->view.mm);
		err = uf_changes_lock(&ctx->changes);
		if (unlikely(err)) {
			mmap_read_unlock(ctx->view.mm);
			return err;
		}
		if (likely(!uf_ctx_changing(ctx)))
			return 0;
		uf_protect_unlock(ctx);
		err = uf_changes_await(&ctx->changes, &ctx->events);
	} while (!err);
	return err;
}

int uf_protect(struct uf_ctx *ctx, unsigned long start, unsigned long len, unsigned long mode,
	       bool protect)
{
	int err = uf_protect_lock(ctx);

	if (err)
		return err;
	err = uf_protect_locked(ctx->view.mm, start, start + len, mode, protect);
	uf_protect_unlock(ctx);
	return err;
}
