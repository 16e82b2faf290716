/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FAULT_H
#define UF_FAULT_H

#include <linux/mm.h>

/*
 * Runs in place of the kernel's handle_userfault(), for a VMA of ours. Called with the fault lock
 * held (the mmap lock for reading, or the VMA's) and without a page-table lock; may sleep. @reason
 * is the one VM_UFFD_* bit that the fault is for.
 *
 * 0: resolved here, with UFFD_FEATURE_WP_ASYNC on a kernel whose mm lacks it; the fault lock is
 * still held. VM_FAULT_RETRY: try the access again; the fault lock was dropped, unless
 * FAULT_FLAG_RETRY_NOWAIT was given. VM_FAULT_SIGBUS: no monitor will resolve this fault; the
 * fault lock is still held.
 */
vm_fault_t uf_fault_handle(struct vm_fault *vmf, unsigned long reason);

#endif /* UF_FAULT_H */
