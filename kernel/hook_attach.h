/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaching: making ftrace call the functions in the table of hook.h.
 *
 * Overview
 *
 * The fault hook is always attached, by a callback with IPMODIFY. mm calls its function for armed
 * VMAs only, so a process that has none doesn't pay for the hook. mm calls all other functions for
 * every VMA in the system, so they are attached only while a context needs them, see hook_users.c.
 *
 * The other functions are attached by direct calls. ftrace's common code saves and restores all
 * registers around a callback, which takes longer than 1 % of a small madvise(). A direct call
 * leads to a stub of ours (hook_stubs.S), which returns after half a dozen instructions if there
 * is no context where it looks. There is one stub for each place to look, and one ftrace_ops for
 * each stub, because an ftrace_ops can have only one.
 *
 * A function can have one direct call. If BPF's fentry programs already have the direct call of
 * one of the functions, all functions are attached by callbacks instead, which coexist with BPF. A
 * function can also have only one user with IPMODIFY; a livepatch is one. And a function can't
 * have both our direct call and the IPMODIFY of another user. So no context can be made while one
 * of these functions is livepatched, and while there is a context, neither such a livepatch nor
 * such a BPF program can be loaded. Tracers and probes of functions may come and go at any time,
 * except kprobes with a post_handler, which use IPMODIFY.
 *
 * Locking
 *
 * The callers serialize the calls of these functions.
 */
#ifndef UF_HOOK_ATTACH_H
#define UF_HOOK_ATTACH_H

struct uf_hook_table;

/*
 * At load: find the functions of @table, which must stay valid, and attach the fault hook. -EBUSY:
 * a livepatch or another IPMODIFY user has its function, or ftrace is off; -ENOENT: the kernel
 * lacks one of the functions, or can't trace it. The log says what failed. May sleep.
 */
int uf_hook_attach_init(const struct uf_hook_table *table);

/* Detach the fault hook, and wait until no task is in a stub or a callback any more. May sleep. */
void uf_hook_attach_exit(void);

/*
 * Attach all other hooks, or none. -EBUSY: another ftrace user has one of the functions. The log
 * then names the function, but not again until attaching has succeeded. May sleep.
 */
int uf_hook_attach_all(void);

/* Detach these hooks, and wait until no task is in a stub. May sleep. */
void uf_hook_detach_all(void);

#endif /* UF_HOOK_ATTACH_H */
