/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_IOCTL_H
#define UF_IOCTL_H

#include <linux/userfault.h>

#include <linux/bits.h>
#include <linux/types.h>

#include "compat/protect_rwp.h"

struct file;

/*
 * The module's commands, as bit sets of their numbers: those of a descriptor, and those of a range
 * of memory.
 */
#define UF_API_IOCTLS	(BIT_ULL(_UFFDIO_REGISTER) | BIT_ULL(_UFFDIO_UNREGISTER) | \
			 BIT_ULL(_UFFDIO_API) | UF_RWP_API_IOCTLS)
#define UF_RANGE_IOCTLS	(BIT_ULL(_UFFDIO_WAKE) | BIT_ULL(_UFFDIO_COPY) | \
			 BIT_ULL(_UFFDIO_ZEROPAGE) | BIT_ULL(_UFFDIO_WRITEPROTECT) | \
			 BIT_ULL(_UFFDIO_CONTINUE) | BIT_ULL(_UFFDIO_MOVE) | \
			 UF_POISON_IOCTLS | UF_RWP_RANGE_IOCTLS)

/* ioctl(2) of a context's file. */
long uf_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* At load: check that the table is complete. */
int uf_ioctl_table_check(void);

#endif /* UF_IOCTL_H */
