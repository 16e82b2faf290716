/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions taken over that not every kernel has, or has in another shape; UF_COMPAT_HOOKS(X)
 * calls X(name, kind, function) for each. The rest of the table is in ../hooks.c.
 */
#ifndef UF_COMPAT_HOOKS_H
#define UF_COMPAT_HOOKS_H

#include "ksyms.h"
#include "version.h"

#if defined(CONFIG_KSM) && defined(UF_COMPAT_KSM_ANY)
#define UF_COMPAT_HOOKS_KSM(X)							\
	X(ksm_enable_merge_any, UF_HOOK_ALL, uf_ksm_enable_any)			\
	X(ksm_disable_merge_any, UF_HOOK_ALL, uf_ksm_disable_any)
#else
#define UF_COMPAT_HOOKS_KSM(X)
#endif

#ifdef UF_COMPAT_6_1

#define UF_COMPAT_HOOKS(X)							\
	X(userfaultfd_unmap_prep, UF_HOOK_MM, uf_event_unmap_mm)

/* A fork that failed is told like any other. */
#define uf_compat_dup_userfaultfd_fail(forks) uf_ksym(dup_userfaultfd_complete)(forks)

#else

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define UF_COMPAT_HOOKS_MREMAP_FAIL(X)						\
	X(mremap_userfaultfd_fail, UF_HOOK_MOVED, uf_event_mremap_fail)
#else
#define UF_COMPAT_HOOKS_MREMAP_FAIL(X)
#endif

#define UF_COMPAT_HOOKS(X)							\
	UF_COMPAT_HOOKS_KSM(X)							\
	UF_COMPAT_HOOKS_MREMAP_FAIL(X)						\
	X(userfaultfd_unmap_prep, UF_HOOK_VMA, uf_event_unmap)			\
	X(dup_userfaultfd_fail, UF_HOOK_FORKS, uf_event_fork_fail)

#define uf_compat_dup_userfaultfd_fail(forks) uf_ksym(dup_userfaultfd_fail)(forks)

#endif

#endif /* UF_COMPAT_HOOKS_H */
