/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mm's functions that the module takes over while there are contexts; see hooks.c, and
 * hook_users.c for when exactly.
 */
#ifndef UF_HOOKS_H
#define UF_HOOKS_H

/*
 * At load: take all functions over, or none. All but the fault hook's are given back soon if no
 * context is made. -EBUSY if a livepatch or another ftrace user has one of them, or if ftrace is
 * off; -ENOENT if the kernel lacks one, or can't trace it. The log says what failed. May sleep.
 */
int uf_hooks_init(void);

/*
 * Give the functions back, and wait until no task is in module text because mm called it. No
 * context may be left, so no VMA leads here any more. May sleep.
 */
void uf_hooks_exit(void);

#endif /* UF_HOOKS_H */
