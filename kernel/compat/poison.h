/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The entry that UFFDIO_POISON puts into a page table in place of a page. A thread that touches it
 * gets SIGBUS, as for a page with a memory error.
 *
 * Since 6.6 it is a marker. Before, it is the entry that mm uses for a page with a memory error.
 * The entry has to name a page that is always there, and names the zero page, which has no error. A
 * kernel before 6.6 that is built without CONFIG_MEMORY_FAILURE (Debian's for clouds) has no such
 * entry: there UF_OFFERS_POISON is 0.
 */
#ifndef UF_COMPAT_POISON_H
#define UF_COMPAT_POISON_H

#include <linux/userfault.h>

#include <linux/bits.h>
#include <linux/mm.h>

#include "entry.h"
#include "interfaces.h"

#if UF_HAS_POISON_MARKER || defined(CONFIG_MEMORY_FAILURE)

#define UF_OFFERS_POISON		1
#define UF_POISON_FEATURES	UFFD_FEATURE_POISON
#define UF_POISON_IOCTLS	BIT_ULL(_UFFDIO_POISON)

static inline pte_t uf_compat_poison_entry(void)
{
#if !UF_HAS_POISON_MARKER
	return swp_entry_to_pte(swp_entry(SWP_HWPOISON, zero_pfn(0)));
#else
	return make_pte_marker(PTE_MARKER_POISONED);
#endif
}

#else

#define UF_OFFERS_POISON		0
#define UF_POISON_FEATURES	0
#define UF_POISON_IOCTLS	0ULL

static inline pte_t uf_compat_poison_entry(void)
{
	return __pte(0);
}

#endif

/* Whether @pte is poison. Protecting it, or moving its mapping, may have left flags in it. */
static inline bool uf_pte_poisoned(pte_t pte)
{
#if !UF_OFFERS_POISON
	return false;
#elif !UF_HAS_POISON_MARKER
	return is_swap_pte(pte) && pte_to_swp_entry(pte).val ==
				   pte_to_swp_entry(uf_compat_poison_entry()).val;
#elif !UF_HAS_LEAF_ENTRIES
	return is_swap_pte(pte) && is_poisoned_swp_entry(pte_to_swp_entry(pte));
#else
	return softleaf_is_poison_marker(softleaf_from_pte(pte));
#endif
}

#endif /* UF_COMPAT_POISON_H */
