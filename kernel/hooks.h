/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mm's functions that are taken over, while there are contexts; see hooks.c, and hook_users.c for
 * when that is.
 */
#ifndef UF_HOOKS_H
#define UF_HOOKS_H

/*
 * Take the functions over once, at load, all or none; but for the fault's they are given back soon
 * if nobody comes. -EBUSY if a livepatch or the like has one of them, or if ftrace is off; -ENOENT
 * if the kernel hasn't one, or can't trace it. What failed is in the log. May sleep.
 */
int uf_hooks_init(void);

/*
 * Give them back, and wait until no task is inside module text on their account. No context may be
 * left, so that no VMA leads here any more. May sleep.
 */
void uf_hooks_exit(void);

#endif /* UF_HOOKS_H */
