/* SPDX-License-Identifier: GPL-2.0-only */
/* Locking a folio, in a way that KCSAN doesn't take for a race. */
#ifndef UF_FOLIO_LOCK_H
#define UF_FOLIO_LOCK_H

#include <linux/compiler.h>
#include <linux/pagemap.h>

/* folio_trylock() */
static __always_inline bool uf_folio_trylock(struct folio *folio)
{
	/*
	 * The lock bit shares a word with flags that mm reads plainly meanwhile, without the lock:
	 * which node and zone a page is of, for one. KCSAN would name the function that this is
	 * inlined into.
	 */
	return data_race(folio_trylock(folio));
}

/* folio_lock(). May sleep. */
static __always_inline void uf_folio_lock(struct folio *folio)
{
	might_sleep();
	if (!uf_folio_trylock(folio))
		__folio_lock(folio);
}

#endif /* UF_FOLIO_LOCK_H */
