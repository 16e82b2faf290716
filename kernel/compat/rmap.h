/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving anonymous folios: their anon_vma, their address, and their locks against rmap.
 *
 * Until 6.18 some functions of rmap walk an anon_vma without the folio's lock (folio_referenced()).
 * So a thread that changes a folio's mapping and index needs the anon_vma locked for writing too.
 * Since 6.19 the folio's lock is enough.
 *
 * Such a walk begins without any lock: it reads the folio's anon_vma, and then locks that. Since
 * 6.8, which has MOVE, the walk then checks that the folio still belongs to this anon_vma. Before
 * 6.8, if the folio is mapped the walk takes this as proof that the anon_vma still exists. That is
 * wrong if the folio has been given another anon_vma meanwhile. So a thread that changes the
 * anon_vma keeps the old one until no walk can be between reading and locking it any more.
 */
#ifndef UF_COMPAT_RMAP_H
#define UF_COMPAT_RMAP_H

#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "ksyms.h"

#if !UF_HAS_RMAP_RECHECK

/* The queue that puts an anon_vma later, where this may sleep. At load, ENOMEM; and at unload. */
int uf_compat_rmap_init(void);
void uf_compat_rmap_exit(void);

/* The anon_vma that folios have left, kept until no walk can be on its way to it any more. */
struct uf_compat_anon_keep {
	struct uf_compat_kept_anon *kept;
};

/* Allocate memory to keep one. Undo with uf_compat_anon_keep_end(). May sleep. ENOMEM. */
int uf_compat_anon_keep_begin(struct uf_compat_anon_keep *keep);

/*
 * Keep @folio's anon_vma, which has to be alive: the folio is locked, and a page table maps it or
 * has its swap entry. False: another anon_vma is kept already.
 */
bool uf_compat_anon_keep(struct uf_compat_anon_keep *keep, struct folio *folio);

void uf_compat_anon_keep_end(struct uf_compat_anon_keep *keep);

#else

struct uf_compat_anon_keep {
};

static inline int uf_compat_rmap_init(void)
{
	return 0;
}

static inline void uf_compat_rmap_exit(void)
{
}

static inline int uf_compat_anon_keep_begin(struct uf_compat_anon_keep *keep)
{
	return 0;
}

static inline bool uf_compat_anon_keep(struct uf_compat_anon_keep *keep, struct folio *folio)
{
	return true;
}

static inline void uf_compat_anon_keep_end(struct uf_compat_anon_keep *keep)
{
}

#endif

/* The lock of the anon_vmas of the folios that are to move. All have one root. */
struct uf_compat_anon_lock {
	struct anon_vma *root;		/* locked for writing, with a reference; or NULL */
};

static inline void uf_compat_anon_init(struct uf_compat_anon_lock *anon)
{
	anon->root = NULL;
}

#if !UF_HAS_RMAP_BY_FOLIO_LOCK

/* @folio is anonymous and locked. If it is mapped too, its anon_vma can't go away. */
static inline struct anon_vma *uf_compat_folio_anon_vma(struct folio *folio)
{
	return (void *)((unsigned long)folio->mapping & ~PAGE_MAPPING_FLAGS);
}

/*
 * Lock @folio's anon_vma too, without sleeping. False: another thread has locked it, or its root is
 * not that of the folios before. @folio is locked and mapped, and the page-table lock is held.
 */
static inline bool uf_compat_anon_trylock(struct uf_compat_anon_lock *anon, struct folio *folio)
{
	struct anon_vma *root = uf_compat_folio_anon_vma(folio)->root;

	if (anon->root)
		return anon->root == root;
	if (!down_write_trylock(&root->rwsem))
		return false;
	get_anon_vma(root);
	anon->root = root;
	return true;
}

/* Lock the first folio's anon_vma; may sleep. @folio is locked. False: it isn't mapped any more. */
static inline bool uf_compat_anon_lock(struct uf_compat_anon_lock *anon, struct folio *folio)
{
	struct anon_vma *anon_vma = uf_ksym(folio_get_anon_vma)(folio);

	if (!anon_vma)
		return false;
	anon->root = anon_vma->root;
	get_anon_vma(anon->root);
	if (atomic_dec_and_test(&anon_vma->refcount))
		uf_ksym(__put_anon_vma)(anon_vma);
	down_write(&anon->root->rwsem);
	return true;
}

static inline void uf_compat_anon_unlock(struct uf_compat_anon_lock *anon)
{
	if (!anon->root)
		return;
	up_write(&anon->root->rwsem);
	if (atomic_dec_and_test(&anon->root->refcount))
		uf_ksym(__put_anon_vma)(anon->root);
	anon->root = NULL;
}

#else

static inline bool uf_compat_anon_trylock(struct uf_compat_anon_lock *anon, struct folio *folio)
{
	return true;
}

static inline bool uf_compat_anon_lock(struct uf_compat_anon_lock *anon, struct folio *folio)
{
	return true;
}

static inline void uf_compat_anon_unlock(struct uf_compat_anon_lock *anon)
{
}

#endif

/*
 * The index by which rmap finds an anonymous folio that is mapped at @addr of @vma. In a private
 * mapping of a file (/dev/zero, for one) it is the offset in the file only until 7.2. Since 7.3
 * VMAs have a second offset, which alone counts for anonymous folios. A folio that is moved with
 * the wrong index works until rmap has to find it: it is never reclaimed.
 */
static inline pgoff_t uf_compat_anon_index(struct vm_area_struct *vma, unsigned long addr)
{
#if UF_HAS_ANON_INDEX
	return linear_anon_page_index(vma, addr);
#else
	return linear_page_index(vma, addr);
#endif
}

/*
 * Have rmap find @folio in @vma, at @index, which is from uf_compat_anon_index(). The folio is
 * locked, and its old anon_vma is kept where the kernel needs that (above). Either the old anon_vma
 * is locked too, where the kernel needs that (above), and the folio will be mapped only there; or
 * the folio is mapped nowhere, but in the swap cache. folio->mapping is written in one go, because
 * it is read without locks.
 */
static inline void uf_compat_folio_move_anon(struct folio *folio, struct vm_area_struct *vma,
					     pgoff_t index)
{
#if UF_HAS_FOLIO_MOVE_ANON_RMAP
	uf_ksym(folio_move_anon_rmap)(folio, vma);
#else	/* page_move_anon_rmap() would mark a folio in the swap cache as exclusive */
	WRITE_ONCE(folio->mapping, (void *)vma->anon_vma + PAGE_MAPPING_ANON);
#endif
	folio->index = index;
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE

/* Split @folio, large and locked, into folios of one page. EBUSY, EAGAIN, or other errors. */
static inline int uf_compat_split_folio(struct folio *folio)
{
#if UF_HAS_RENAMED_SPLIT_TO_ORDER
	return uf_ksym(__split_huge_page_to_list_to_order)(&folio->page, NULL, 0);
#elif UF_HAS_SPLIT_TO_ORDER
	return uf_ksym(split_huge_page_to_list_to_order)(&folio->page, NULL, 0);
#else
	return uf_ksym(split_huge_page_to_list)(&folio->page, NULL);
#endif
}

/* If @pmd is a huge page, which then has @addr, replace it by a page table. */
static inline void uf_compat_split_huge_pmd(struct vm_area_struct *vma, pmd_t *pmd,
					    unsigned long addr)
{
#if UF_HAS_FOLIO_PMD
	uf_ksym(__split_huge_pmd)(vma, pmd, addr, false);
#else
	uf_ksym(__split_huge_pmd)(vma, pmd, addr, false, NULL);
#endif
}

/* The huge entry for all of @folio. */
static inline pmd_t uf_compat_folio_mk_pmd(struct folio *folio, pgprot_t prot)
{
#if UF_HAS_FOLIO_PMD
	return folio_mk_pmd(folio, prot);
#else
	return mk_huge_pmd(&folio->page, prot);
#endif
}

#else	/* no anonymous folio is large, and no pmd entry is a huge page */

static inline int uf_compat_split_folio(struct folio *folio)
{
	return -EBUSY;
}

static inline void uf_compat_split_huge_pmd(struct vm_area_struct *vma, pmd_t *pmd,
					    unsigned long addr)
{
}

#endif

/* The folio that the swap cache has for @entry, with a reference, or NULL. Doesn't sleep. */
static inline struct folio *uf_compat_swap_cache_get(swp_entry_t entry)
{
#if UF_HAS_SHORT_SWAP_CACHE_GET
	return uf_ksym(swap_cache_get_folio)(entry);
#else
	return uf_ksym(swap_cache_get_folio)(entry, NULL, 0);
#endif
}

/* Whether @folio, which is locked, is the one in the swap cache for @entry. */
static inline bool uf_compat_folio_has_swap(struct folio *folio, swp_entry_t entry)
{
#if UF_HAS_FOLIO_SWAP
	return folio_test_swapcache(folio) && folio->swap.val == entry.val;
#else
	return folio_test_swapcache(folio) && page_private(&folio->page) == entry.val;
#endif
}

#endif /* UF_COMPAT_RMAP_H */
