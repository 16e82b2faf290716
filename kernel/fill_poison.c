// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling with poison: entries that kill who touches them, on every memory type with pages of this
 * size.
 */
#include <linux/userfault.h>

#include <linux/mm.h>

#include "fill_run.h"

static pte_t uf_poison_entry(struct vm_area_struct *vma, unsigned long addr)
{
	return uf_compat_poison_entry();
}

unsigned int uf_run_poison(struct uf_run *run)
{
	return uf_run_install_entries(run, uf_poison_entry);
}
