/* SPDX-License-Identifier: GPL-2.0-only */
/* While the functions are taken over: for as long as somebody uses them. hook_users.c says how. */
#ifndef UF_HOOK_USERS_H
#define UF_HOOK_USERS_H

struct uf_hook_table;

/* Start with nobody, at load. Errors of uf_hook_attach_init() and _all(). May sleep. */
int uf_hook_users_init(const struct uf_hook_table *table);

/* Nobody is left, nor comes: give the functions back. May sleep. */
void uf_hook_users_exit(void);

/*
 * From here until uf_hooks_put() all functions are taken over: before a context is made. -EBUSY:
 * somebody else has one of them; -ENOMEM; -EINTR: the caller is being killed. Then nothing is. May sleep, for the grace
 * periods of a detaching under way; takes no lock and doesn't sleep if somebody else is a user.
 */
int uf_hooks_get(void);

/* Doesn't sleep. The caller holds the module. */
void uf_hooks_put(void);

#endif /* UF_HOOK_USERS_H */
