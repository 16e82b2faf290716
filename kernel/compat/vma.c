// SPDX-License-Identifier: GPL-2.0-only
#include <linux/sched/signal.h>

#include "vma.h"

/* The VMA at @addr; a private one with its anon_vma. Caller holds the mmap lock for reading. */
static struct vm_area_struct *uf_compat_find_vma_prepared(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	lockdep_assert_held(&mm->mmap_lock);

	if (!vma)
		return ERR_PTR(-ENOENT);
	if (!(vma->vm_flags & VM_SHARED) && !vma->anon_vma && uf_ksym(__anon_vma_prepare)(vma))
		return ERR_PTR(-ENOMEM);
	return vma;
}

#if UF_HAS_FILL_BY_VMA_LOCK

/* Newer kernels have this function; theirs fails if the VMA has too many readers to count. */
#if !UF_HAS_VMA_START_READ_LOCKED
static bool vma_start_read_locked(struct vm_area_struct *vma)
{
	down_read(&vma->vm_lock->lock);	/* no writer: the caller holds the mmap lock */
	return true;
}
#endif

struct vm_area_struct *uf_compat_vma_lock_fill_slowly(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	bool again;

	do {
		mmap_read_lock(mm);
		vma = uf_compat_find_vma_prepared(mm, addr);
		again = !IS_ERR(vma) && !vma_start_read_locked(vma);
		mmap_read_unlock(mm);
		if (again && fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		cond_resched();
	} while (again);
	return vma;
}

#else

struct vm_area_struct *uf_compat_vma_lock_fill_slowly(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = uf_compat_find_vma_prepared(mm, addr);
	if (IS_ERR(vma))
		mmap_read_unlock(mm);
	return vma;
}

#endif

#if UF_HAS_FILL_BY_VMA_LOCK

/* Never waits for the second lock while it holds the first: that could deadlock with a writer. */
static bool uf_compat_vma_trylock_pair(struct mm_struct *mm, unsigned long dst, unsigned long src,
				       struct uf_compat_vma_pair *pair)
{
	pair->mmap_locked = false;
	pair->dst = uf_ksym(lock_vma_under_rcu)(mm, dst);
	if (!pair->dst)
		return false;
	if (!pair->dst->anon_vma)
		goto unlock;
	pair->src = pair->dst;
	if (src >= pair->dst->vm_start && src < pair->dst->vm_end)
		return true;
	pair->src = uf_ksym(lock_vma_under_rcu)(mm, src);
	if (pair->src)
		return true;
unlock:
	vma_end_read(pair->dst);
	return false;
}

static void uf_compat_vma_end_pair(struct uf_compat_vma_pair *pair)
{
	vma_end_read(pair->dst);
	if (pair->src != pair->dst)
		vma_end_read(pair->src);
}

#else

static bool uf_compat_vma_trylock_pair(struct mm_struct *mm, unsigned long dst, unsigned long src,
				       struct uf_compat_vma_pair *pair)
{
	return false;
}

static void uf_compat_vma_end_pair(struct uf_compat_vma_pair *pair)
{
}

#endif

int uf_compat_vma_lock_pair(struct mm_struct *mm, unsigned long dst, unsigned long src,
			    struct uf_compat_vma_pair *pair)
{
	int err = -ENOENT;

	if (uf_compat_vma_trylock_pair(mm, dst, src, pair))
		return 0;

	mmap_read_lock(mm);
	pair->mmap_locked = true;
	pair->dst = uf_compat_find_vma_prepared(mm, dst);
	if (IS_ERR(pair->dst)) {
		err = PTR_ERR(pair->dst);
		goto unlock;
	}
	pair->src = vma_lookup(mm, src);
	if (pair->src)
		return 0;
unlock:
	mmap_read_unlock(mm);
	return err;
}

void uf_compat_vma_unlock_pair(struct uf_compat_vma_pair *pair)
{
	if (pair->mmap_locked)
		mmap_read_unlock(pair->dst->vm_mm);
	else
		uf_compat_vma_end_pair(pair);
}

#if !UF_HAS_VMA_MODIFY

/* Split by hand if nothing can be merged. The iterator misses these changes: so it is paused. */
struct vm_area_struct *uf_compat_vma_modify(struct vma_iterator *vmi, struct vm_area_struct *prev,
					    struct vm_area_struct *vma, unsigned long start,
					    unsigned long end, unsigned long flags,
					    struct userfaultfd_ctx *ctx)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *merged;
	int err = 0;

	merged = uf_ksym(vma_merge)(mm, prev, start, end, flags, vma->anon_vma, vma->vm_file,
				    vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT),
				    vma_policy(vma), (struct vm_userfaultfd_ctx){ ctx },
				    anon_vma_name(vma));
	if (!merged && vma->vm_start < start)
		err = uf_ksym(split_vma)(mm, vma, start, 1);
	if (!merged && !err && vma->vm_end > end)
		err = uf_ksym(split_vma)(mm, vma, end, 0);

	mas_pause(&vmi->mas);
	if (err)
		return ERR_PTR(err);
	return merged ?: vma;
}

#else

struct vm_area_struct *uf_compat_vma_modify(struct vma_iterator *vmi, struct vm_area_struct *prev,
					    struct vm_area_struct *vma, unsigned long start,
					    unsigned long end, unsigned long flags,
					    struct userfaultfd_ctx *ctx)
{
	/* Unregistering a whole VMA must not fail if there is no memory to merge it. */
	bool whole = !ctx && start == vma->vm_start && end == vma->vm_end;
	struct vm_userfaultfd_ctx new_ctx = { ctx };
#if !UF_HAS_VMA_FLAGS_WORDS
	return uf_ksym(vma_modify_flags_uffd)(vmi, prev, vma, start, end, flags, new_ctx, whole);
#else
	vma_flags_t all_flags = vma->flags;

	vma_flags_overwrite_word(&all_flags, flags);	/* vm_flags is the first word of them */
	return uf_ksym(vma_modify_flags_uffd)(vmi, prev, vma, start, end, &all_flags, new_ctx,
					      whole);
#endif
}

#endif
