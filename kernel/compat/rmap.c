// SPDX-License-Identifier: GPL-2.0-only
#include "rmap.h"

#if !UF_HAS_RMAP_RECHECK

#include <linux/slab.h>
#include <linux/workqueue.h>

struct uf_compat_kept_anon {
	struct rcu_work work;
	struct anon_vma *anon_vma;	/* with a reference; NULL: none yet */
};

static struct workqueue_struct *uf_compat_keep_queue;

int uf_compat_rmap_init(void)
{
	uf_compat_keep_queue = alloc_workqueue("userfault", 0, 0);
	return uf_compat_keep_queue ? 0 : -ENOMEM;
}

void uf_compat_rmap_exit(void)
{
	rcu_barrier();	/* waits until all of them are on the queue */
	destroy_workqueue(uf_compat_keep_queue);
}

static void uf_compat_kept_put(struct work_struct *work)
{
	struct uf_compat_kept_anon *kept;

	kept = container_of(to_rcu_work(work), struct uf_compat_kept_anon, work);
	if (atomic_dec_and_test(&kept->anon_vma->refcount))
		uf_ksym(__put_anon_vma)(kept->anon_vma);
	kfree(kept);
}

int uf_compat_anon_keep_begin(struct uf_compat_anon_keep *keep)
{
	keep->kept = kmalloc(sizeof(*keep->kept), GFP_KERNEL);
	if (!keep->kept)
		return -ENOMEM;
	keep->kept->anon_vma = NULL;
	return 0;
}

bool uf_compat_anon_keep(struct uf_compat_anon_keep *keep, struct folio *folio)
{
	struct anon_vma *anon_vma = uf_compat_folio_anon_vma(folio);

	if (keep->kept->anon_vma)
		return keep->kept->anon_vma == anon_vma;
	get_anon_vma(anon_vma);
	keep->kept->anon_vma = anon_vma;
	return true;
}

/* A walk reads a folio's anon_vma and trylocks it in one RCU read-side section: put it later. */
void uf_compat_anon_keep_end(struct uf_compat_anon_keep *keep)
{
	struct uf_compat_kept_anon *kept = keep->kept;

	if (!kept->anon_vma) {
		kfree(kept);
		return;
	}
	INIT_RCU_WORK(&kept->work, uf_compat_kept_put);
	queue_rcu_work(uf_compat_keep_queue, &kept->work);
}

#endif
