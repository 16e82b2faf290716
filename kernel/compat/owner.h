/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose an address space is. */
#ifndef UF_COMPAT_OWNER_H
#define UF_COMPAT_OWNER_H

#include <linux/mm_types.h>
#include <linux/pid.h>
#include <linux/sched.h>

/*
 * A task that uses @mm, or NULL. It may be one that fork() is still making. @maker is a process
 * that may use it. The caller holds the RCU read lock, and may use the task as long as it does.
 */
static inline struct task_struct *uf_compat_mm_owner(struct mm_struct *mm, struct pid *maker)
{
#ifdef CONFIG_MEMCG
	return rcu_dereference(mm->owner);
#else
	struct task_struct *task = pid_task(maker, PIDTYPE_TGID);

	return task && READ_ONCE(task->mm) == mm ? task : NULL;
#endif
}

#endif /* UF_COMPAT_OWNER_H */
