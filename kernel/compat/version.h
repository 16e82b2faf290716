/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which kernel this is built for: 6.1, 6.12, 7.2 or 7.3. The last two have the newest shape of
 * nearly everything, and no name here: what 7.3 alone has is told by its version.
 *
 * What lies between mixes the old interfaces with the new ones, and nobody knows yet what comes
 * after. Some of the interfaces are functions that no header declares: the compiler would not even
 * notice a wrong guess. So a series is added when its sources have been compared (mm_ksyms.h,
 * ctx_view.h, event_lists.h), it is in scripts/kernels, and all tests pass on it.
 */
#ifndef UF_COMPAT_VERSION_H
#define UF_COMPAT_VERSION_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "userfault needs Linux 6.1 or later: before, VMAs were not kept in a maple tree."
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define UF_COMPAT_6_1
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define UF_COMPAT_6_12
#elif LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#error "userfault supports Linux 6.1, 6.12, 7.2 and 7.3; not what is between."
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(7, 4, 0)
#error "userfault supports Linux up to 7.3: what is newer has to be compared first."
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define UF_COMPAT_ANON_VMA_LOCK		/* see rmap.h */
#endif

#ifndef CONFIG_X86_64
#error "userfault supports x86-64 alone: no other page tables have been tried."
#endif
#ifndef CONFIG_USERFAULTFD
#error "userfault needs CONFIG_USERFAULTFD=y: it takes over the calls that mm makes there."
#endif
#ifndef CONFIG_PTE_MARKER_UFFD_WP
#error "userfault needs CONFIG_PTE_MARKER_UFFD_WP=y: without it files' pages have no write protection."
#endif
#if !defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || !defined(CONFIG_KPROBES)
#error "userfault needs CONFIG_DYNAMIC_FTRACE_WITH_ARGS and CONFIG_KPROBES."
#endif
#ifndef CONFIG_KALLSYMS_ALL
#error "userfault needs CONFIG_KALLSYMS_ALL=y: it has to find variables of mm, too."
#endif

/*
 * Spares a variable the clearing that CONFIG_INIT_STACK_ALL_ZERO does. In the newest kernels'
 * headers.
 */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)		/* gcc 12, clang 8 */
#define __uninitialized __attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

#endif /* UF_COMPAT_VERSION_H */
