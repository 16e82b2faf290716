/* SPDX-License-Identifier: GPL-2.0-only */
/* VMAs: the locks that keep one from changing, and changing the flags of a part of one. */
#ifndef UF_COMPAT_VMA_H
#define UF_COMPAT_VMA_H

#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/rmap.h>

#include "ksyms.h"

#ifndef VM_DROPPABLE		/* since 6.11 */
#define VM_DROPPABLE VM_NONE
#endif
#ifndef VM_SHADOW_STACK		/* since 6.6 */
#define VM_SHADOW_STACK VM_NONE
#endif

/* As uf_compat_vma_lock_fill(), but always through the mmap lock. */
struct vm_area_struct *uf_compat_vma_lock_fill_slowly(struct mm_struct *mm, unsigned long addr);

/*
 * Lock the VMA at @addr against every change, for a fill. A private VMA gets its anon_vma, so that
 * anonymous pages can be mapped into it. The caller holds no other lock, and gets none. ENOENT:
 * nothing is mapped there; ENOMEM; EINTR: the caller is being killed.
 */
static __always_inline struct vm_area_struct *uf_compat_vma_lock_fill(struct mm_struct *mm,
								      unsigned long addr)
{
#if UF_HAS_FILL_BY_VMA_LOCK	/* doesn't hold up the rest of the process */
	struct vm_area_struct *vma = uf_ksym(lock_vma_under_rcu)(mm, addr);

	if (likely(vma)) {
		if (likely((vma->vm_flags & VM_SHARED) || vma->anon_vma))
			return vma;
		vma_end_read(vma);
	}
#endif
	return uf_compat_vma_lock_fill_slowly(mm, addr);
}

/* Undo that. @vma may be gone when this returns. */
static __always_inline void uf_compat_vma_unlock_fill(struct vm_area_struct *vma)
{
#if UF_HAS_FILL_BY_VMA_LOCK
	vma_end_read(vma);
#else
	mmap_read_unlock(vma->vm_mm);
#endif
}

/* Two VMAs, or one twice, locked against every change. */
struct uf_compat_vma_pair {
	struct vm_area_struct *dst, *src;
	bool mmap_locked;		/* by the mmap lock instead of their own */
};

/*
 * Lock the VMA at @dst, which gets its anon_vma, and the one at @src. The caller holds no other
 * lock, and gets none. ENOENT: nothing is mapped there; ENOMEM.
 */
int uf_compat_vma_lock_pair(struct mm_struct *mm, unsigned long dst, unsigned long src,
			    struct uf_compat_vma_pair *pair);

/* Undo that. */
void uf_compat_vma_unlock_pair(struct uf_compat_vma_pair *pair);

/*
 * Split @vma so that [@start, @end) becomes a VMA of its own, or merge this range with a neighbour
 * that has these flags and this context. @prev is the VMA before @start, or @vma if it begins
 * earlier. Returns the VMA that now holds the range. The caller sets its flags and context, because
 * it may still have the old ones. The caller holds the mmap lock for writing. ENOMEM.
 */
struct vm_area_struct *uf_compat_vma_modify(struct vma_iterator *vmi, struct vm_area_struct *prev,
					    struct vm_area_struct *vma, unsigned long start,
					    unsigned long end, unsigned long flags,
					    struct userfaultfd_ctx *ctx);

/*
 * The VMA before the one at @start, or NULL. @vmi has been set to @start; mas_find() then finds the
 * VMA at @start, or the next one after it.
 */
static inline struct vm_area_struct *uf_compat_vma_before(struct vma_iterator *vmi,
							  unsigned long start)
{
	struct vm_area_struct *prev = vma_prev(vmi);

#if !UF_HAS_VMA_ITER_BOTH_WAYS
	mas_set(&vmi->mas, start);
#endif
	return prev;
}

#if !UF_HAS_VMA_LOCK

static inline void vma_start_write(struct vm_area_struct *vma)
{
	mmap_assert_write_locked(vma->vm_mm);
}

#endif
#if !UF_HAS_VM_FLAGS_RESET

static inline void vm_flags_reset(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags = flags;
}

#endif
#if !UF_HAS_FAULT_LOCK

static inline void assert_fault_locked(struct vm_fault *vmf)
{
	mmap_assert_locked(vmf->vma->vm_mm);
}

static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}

#endif

#endif /* UF_COMPAT_VMA_H */
