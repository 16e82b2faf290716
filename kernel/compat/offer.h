/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Features, and commands on a range of memory, that the module offers although this kernel's native
 * userfaultfd doesn't have them.
 */
#ifndef UF_COMPAT_OFFER_H
#define UF_COMPAT_OFFER_H

#include <linux/userfault.h>

#include <linux/bits.h>

#include "interfaces.h"

#if !UF_HAS_NATIVE_MOVE

#define UF_COMPAT_NEWER_FEATURES						\
	(UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC |			\
	 UFFD_FEATURE_POISON | UFFD_FEATURE_MOVE)
#define UF_COMPAT_NEWER_IOCTLS	(BIT_ULL(_UFFDIO_POISON) | BIT_ULL(_UFFDIO_MOVE))

#else

#define UF_COMPAT_NEWER_FEATURES	0
#define UF_COMPAT_NEWER_IOCTLS		0ULL

#endif

#endif /* UF_COMPAT_OFFER_H */
