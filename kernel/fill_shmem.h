/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FILL_SHMEM_H
#define UF_FILL_SHMEM_H

#include "fill_run.h"

extern const struct uf_fill_ops uf_fill_shmem_shared_ops;
extern const struct uf_fill_ops uf_fill_shmem_private_ops;

#endif /* UF_FILL_SHMEM_H */
