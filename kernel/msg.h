/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_MSG_H
#define UF_MSG_H

#include <linux/fs.h>
#include <linux/poll.h>

struct uf_ctx;

/*
 * There is something to tell: wake every poller and one reader. Any context that can take a
 * spinlock.
 */
void uf_msg_announce(struct uf_ctx *ctx);

/* read(2) and poll(2) of a context's file; what they return is in the uapi header, at uffd_msg. */
ssize_t uf_msg_read_iter(struct kiocb *iocb, struct iov_iter *to);
__poll_t uf_msg_poll(struct file *file, struct poll_table_struct *wait);

#endif /* UF_MSG_H */
