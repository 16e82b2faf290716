/* SPDX-License-Identifier: GPL-2.0-only */
/* How the netlink family (nl.c) answers requests about contexts: about one, or about all. */
#ifndef UF_NL_ANSWER_H
#define UF_NL_ANSWER_H

#include <linux/types.h>

#include "reader.h"

struct genl_info;
struct netlink_callback;
struct netlink_ext_ack;
struct nlattr;
struct sk_buff;
struct uf_ctx;

/* A context that a reader asks about, and what it may see of it. */
struct uf_subject {
	const struct uf_reader *reader;
	struct uf_ctx *ctx;		/* referenced */
	enum uf_sight sight;
	struct uf_owner owner;
};

/*
 * Find the context of which @id is the attribute with the id, for a reader; uf_subject_put() ends
 * this. -EINVAL: no attribute. -ENOENT: no such context, or the reader sees nothing of it. @extack,
 * which may be NULL, says so.
 */
int uf_subject_find(struct uf_subject *subject, const struct uf_reader *reader,
		    const struct nlattr *id, struct netlink_ext_ack *extack);
void uf_subject_put(struct uf_subject *subject);

/*
 * What one kind of answer is: its command, the attribute in which a request has the context's id,
 * the most bytes of an answer's attributes, and a function that puts them into a message.
 * -EMSGSIZE: there is no room.
 */
struct uf_answer {
	u8 cmd;
	int id;
	unsigned int room;
	int (*put)(struct sk_buff *msg, const struct uf_subject *subject);
};

/* A request for one context: the rest of a doit(). */
int uf_answer_one(const struct uf_answer *answer, struct sk_buff *request, struct genl_info *info);

/* A request for all: start(), dumpit() and done() of a dump, in which @cb->args[0] is theirs. */
int uf_answer_start(const struct uf_answer *answer, struct netlink_callback *cb);
int uf_answer_dump(const struct uf_answer *answer, struct sk_buff *msg,
		   struct netlink_callback *cb);
int uf_answer_done(struct netlink_callback *cb);

/* Put a number of milliseconds: from @since on, in jiffies, until now. */
int uf_put_age(struct sk_buff *msg, int attribute, int pad, unsigned long since);

#endif /* UF_NL_ANSWER_H */
