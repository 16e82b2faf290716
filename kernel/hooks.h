/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_HOOKS_H
#define UF_HOOKS_H

/*
 * Take the functions over, all or none. -EBUSY if a livepatch or the like has one of them, or if
 * ftrace is off; -ENOENT if the kernel hasn't one, or can't trace it. What failed is in the log.
 * May sleep.
 */
int uf_hooks_attach(void);

/*
 * Give them back, and wait until no task is inside module text on their account. No context may be
 * left, so that no VMA leads here any more. May sleep.
 */
void uf_hooks_detach(void);

#endif /* UF_HOOKS_H */
