/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaching: having ftrace call the table of hook.h.
 *
 * Overview
 *
 * The fault's function is always attached, by a callback with IPMODIFY: it is called for armed VMAs
 * only, and so costs nobody who has none. All others are called for every VMA in the system, and
 * are attached only while somebody needs them, see hook_users.c.
 *
 * These are attached as direct calls. ftrace's common code saves and restores all registers around
 * a callback, which takes longer than 1 % of a small madvise(). A direct call leads to a stub of
 * ours (hook_stubs.S), which returns after half a dozen instructions if the call is for nobody.
 * There is one stub for each place where that can be seen, and so one ftrace_ops for each: an
 * ftrace_ops has one stub.
 *
 * A function can have one direct call. Where somebody else has it, which is BPF's fentry programs,
 * callbacks are attached instead, to all functions; they get along with BPF. A function can have one
 * IPMODIFY, too, which livepatches are, and it can't have both, a direct call of ours and the
 * IPMODIFY of another. So beside a livepatch of one of these functions there are no contexts; and
 * while there is one, neither such a livepatch nor a BPF program can be loaded. Tracers
 * and probes of functions may come and go at any time, but for kprobes with a post_handler, which
 * are IPMODIFY to ftrace.
 *
 * Locking
 *
 * Whoever calls these serializes them.
 */
#ifndef UF_HOOK_ATTACH_H
#define UF_HOOK_ATTACH_H

struct uf_hook_table;

/*
 * Find the functions of @table, which stays, and attach the fault's, at load. -EBUSY: a livepatch or the like has it, or
 * ftrace is off; -ENOENT: the kernel hasn't one of the functions, or can't trace it. What failed is
 * in the log. May sleep.
 */
int uf_hook_attach_init(const struct uf_hook_table *table);

/* Detach it, and wait until no task is in a stub or a callback any more. May sleep. */
void uf_hook_attach_exit(void);

/*
 * Attach all others, or none. -EBUSY: somebody has one of them; who, is in the log, once until it
 * succeeds again. May sleep.
 */
int uf_hook_attach_all(void);

/* Detach them, and wait until no task is in a stub. May sleep. */
void uf_hook_detach_all(void);

#endif /* UF_HOOK_ATTACH_H */
