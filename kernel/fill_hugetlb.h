/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FILL_HUGETLB_H
#define UF_FILL_HUGETLB_H

#include "fill_run.h"

extern const struct uf_fill_ops uf_fill_hugetlb_ops;

#endif /* UF_FILL_HUGETLB_H */
