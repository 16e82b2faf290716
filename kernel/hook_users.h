/* SPDX-License-Identifier: GPL-2.0-only */
/* The functions are taken over for as long as they have users. hook_users.c says how. */
#ifndef UF_HOOK_USERS_H
#define UF_HOOK_USERS_H

struct uf_hook_table;

/* At load: start without users. Errors of uf_hook_attach_init() and uf_hooks_get(). May sleep. */
int uf_hook_users_init(const struct uf_hook_table *table);

/* At unload: no user is left, and none comes any more. Give the functions back. May sleep. */
void uf_hook_users_exit(void);

/*
 * Become a user, before a context is made: all functions are taken over until uf_hooks_put().
 * -EBUSY: another ftrace user has one of them; -ENOMEM; -EINTR: the caller is being killed. After
 * an error the caller is not a user. May sleep, for the grace periods of a detaching under way;
 * takes no lock and doesn't sleep if there is another user.
 */
int uf_hooks_get(void);

/* Doesn't sleep. The caller pins the module. */
void uf_hooks_put(void);

#endif /* UF_HOOK_USERS_H */
