// SPDX-License-Identifier: GPL-2.0-only
/* Filling: helpers that several memory types with small pages share; see fill_run.h. */
#include <linux/userfault.h>

#include <linux/highmem.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "fill_run.h"

/* Put the folios [@from, @to). */
static void uf_run_free(struct uf_run *run, unsigned int from, unsigned int to)
{
	for (; from < to; from++)
		folio_put(run->folios[from]);
}

void uf_run_release(struct uf_run *run)
{
	if (run->kept)
		folio_put(uf_run_first(run));
	run->kept = NULL;
}

void uf_run_cut(struct uf_run *run, unsigned int n, unsigned int prepared, int err)
{
	uf_run_free(run, n, prepared);
	uf_run_release(run);
	run->faulting = false;
	run->nr = n;
	run->err = err;
}

/* Allocate the @n-th folio of the run, not in bulk. */
static struct folio *uf_run_alloc_one(struct uf_run *run, unsigned int n, gfp_t gfp, bool local)
{
	if (local)
		return folio_alloc(gfp, 0);
	return uf_compat_vma_alloc_folio(gfp, 0, run->vma, run->dst + n * PAGE_SIZE);
}

void uf_run_alloc(struct uf_run *run, gfp_t gfp, bool local)
{
	unsigned int n = 0, i, nr = run->nr;

	if (run->kept)
		run->folios[n++] = uf_run_first(run);
	run->kept = NULL;

	/* A single page is a folio, so folios[] may be passed as an array of pages. */
	if (nr - n > 1 && local) {
		for (i = n; i < nr; i++)
			run->folios[i] = NULL;
		n += alloc_pages_bulk(gfp, nr - n, (struct page **)run->folios + n);
	}
	for (; n < nr; n++) {	/* the bulk allocator may give up early */
		run->folios[n] = uf_run_alloc_one(run, n, gfp, local);
		if (!run->folios[n]) {
			uf_run_cut(run, n, n, -ENOMEM);
			break;
		}
	}
}

/* Whether all of the page could be copied without a fault. */
static bool uf_run_copy_page(struct folio *folio, unsigned long src)
{
	void *to = kmap_local_folio(folio, 0);
	unsigned long left;

	pagefault_disable();
	left = copy_from_user(to, (const void __user *)src, PAGE_SIZE);
	pagefault_enable();
	kunmap_local(to);
	flush_dcache_folio(folio);
	return !left;
}

void uf_run_copy_sources(struct uf_run *run)
{
	struct folio *faulting;
	unsigned int n;

	for (n = run->kept_copied; n < run->nr; n++) {
		if (uf_run_copy_page(run->folios[n], run->src + n * PAGE_SIZE))
			continue;
		faulting = run->folios[n];
		uf_run_free(run, n + 1, run->nr);
		uf_run_cut(run, n, n, -EFAULT);
		run->kept = faulting;
		run->faulting = true;
	}
	run->kept_copied = false;
}

int uf_run_copy_first(struct uf_run *run)
{
	void *to = kmap_local_folio(uf_run_first(run), 0);
	unsigned long left;

	left = copy_from_user(to, (const void __user *)run->src, PAGE_SIZE);
	kunmap_local(to);
	if (left)
		return -EFAULT;
	flush_dcache_folio(uf_run_first(run));
	run->kept_copied = true;
	return 0;
}

void uf_run_complete(struct uf_run *run)
{
	struct folio *folio;
	unsigned int n;

	for (n = 0; n < run->nr; n++) {
		folio = run->folios[n];
		__folio_mark_uptodate(folio);
		if (uf_compat_mem_cgroup_charge(folio, run->vma->vm_mm))
			uf_run_cut(run, n, run->nr, -ENOMEM);
	}
}

static pte_t uf_run_poison_entry(struct vm_area_struct *vma, unsigned long addr)
{
	return uf_compat_poison_entry();
}

unsigned int uf_run_poison(struct uf_run *run)
{
	return uf_run_install_entries(run, uf_run_poison_entry);
}
