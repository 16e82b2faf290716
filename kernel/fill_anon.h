/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FILL_ANON_H
#define UF_FILL_ANON_H

#include "fill_run.h"

extern const struct uf_fill_ops uf_fill_anon_ops;

/* Fill with anonymous pages; for every memory type whose private mappings have them. */
unsigned int uf_anon_copy(struct uf_run *run);
unsigned int uf_anon_zero(struct uf_run *run);

#endif /* UF_FILL_ANON_H */
