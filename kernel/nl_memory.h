/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dumps of what a context's memory is and who waits in it: USERFAULT_CMD_REGION_GET and
 * USERFAULT_CMD_WAITER_GET. All of an answer is collected when its dump starts.
 */
#ifndef UF_NL_MEMORY_H
#define UF_NL_MEMORY_H

struct netlink_callback;
struct sk_buff;

int uf_nl_regions_start(struct netlink_callback *cb);
int uf_nl_regions_dump(struct sk_buff *msg, struct netlink_callback *cb);

int uf_nl_waiters_start(struct netlink_callback *cb);
int uf_nl_waiters_dump(struct sk_buff *msg, struct netlink_callback *cb);

/* The end of either. */
int uf_nl_memory_done(struct netlink_callback *cb);

#endif /* UF_NL_MEMORY_H */
