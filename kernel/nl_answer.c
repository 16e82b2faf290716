// SPDX-License-Identifier: GPL-2.0-only
/* Answers about contexts; see nl_answer.h. */
#include <linux/userfault.h>

#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "ctx.h"
#include "nl_answer.h"
#include "nl_family.h"

/* From the start of a dump to its end. */
struct uf_answer_state {
	struct uf_reader reader;
	u64 next;			/* the contexts with smaller ids are done */
};

/* Whether the reader sees anything of subject->ctx. */
static bool uf_subject_see(struct uf_subject *subject)
{
	if (READ_ONCE(subject->ctx->view.released))
		return false;
	subject->sight = uf_reader_sees(subject->reader, subject->ctx, &subject->owner);
	return subject->sight != UF_SEES_NOTHING;
}

int uf_subject_find(struct uf_subject *subject, const struct uf_reader *reader,
		    const struct nlattr *id, struct netlink_ext_ack *extack)
{
	if (!id) {
		NL_SET_ERR_MSG(extack, "the context's id is missing");
		return -EINVAL;
	}
	subject->reader = reader;
	subject->ctx = uf_ctx_find(nla_get_u64(id));
	if (subject->ctx && uf_subject_see(subject))
		return 0;
	if (subject->ctx)
		uf_ctx_put(subject->ctx);
	NL_SET_ERR_MSG_ATTR(extack, id, "there is no such context, or it isn't for you to see");
	return -ENOENT;
}

void uf_subject_put(struct uf_subject *subject)
{
	uf_ctx_put(subject->ctx);
}

int uf_put_age(struct sk_buff *msg, int attribute, int pad, unsigned long since)
{
	return nla_put_u64_64bit(msg, attribute, jiffies64_to_msecs(jiffies - since), pad);
}

/* Add the answer about one context to @msg, and for a dump, @cb, say whether contexts changed. */
static int uf_answer_add(const struct uf_answer *answer, struct sk_buff *msg, u32 portid, u32 seq,
			 const struct uf_subject *subject, struct netlink_callback *cb)
{
	void *header = genlmsg_put(msg, portid, seq, &uf_nl_family, cb ? NLM_F_MULTI : 0,
				   answer->cmd);

	if (!header)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, header);
	if (answer->put(msg, subject)) {
		genlmsg_cancel(msg, header);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, header);
	return 0;
}

static int uf_answer_about(const struct uf_answer *answer, const struct uf_subject *subject,
			   struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(answer->room, GFP_KERNEL);
	int err;

	if (!msg)
		return -ENOMEM;
	err = uf_answer_add(answer, msg, info->snd_portid, info->snd_seq, subject, NULL);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return genlmsg_reply(msg, info);
}

int uf_answer_one(const struct uf_answer *answer, struct sk_buff *request, struct genl_info *info)
{
	struct uf_subject subject;
	struct uf_reader reader;
	int err;

	uf_reader_get(&reader, request);
	err = uf_subject_find(&subject, &reader, info->attrs[answer->id], info->extack);
	if (!err) {
		err = uf_answer_about(answer, &subject, info);
		uf_subject_put(&subject);
	}
	uf_reader_put(&reader);
	return err;
}

int uf_answer_start(const struct uf_answer *answer, struct netlink_callback *cb)
{
	const struct nlattr *id = uf_compat_dump_attrs(cb)[answer->id];
	struct uf_answer_state *state;

	if (id) {
		NL_SET_ERR_MSG_ATTR(cb->extack, id, "a dump is of all contexts");
		return -EINVAL;
	}
	state = kzalloc(sizeof(*state), GFP_KERNEL);
	if (!state)
		return -ENOMEM;
	uf_reader_get(&state->reader, cb->skb);
	cb->args[0] = (long)state;
	cb->min_dump_alloc = NLMSG_ALIGN(genlmsg_total_size(answer->room)) + NLMSG_HDRLEN;
	return 0;
}

int uf_answer_done(struct netlink_callback *cb)
{
	struct uf_answer_state *state = (void *)cb->args[0];

	uf_reader_put(&state->reader);
	kfree(state);
	return 0;
}

/* The next context that the reader sees, with a reference, or false. */
static bool uf_answer_next(const struct uf_answer_state *state, struct uf_subject *subject)
{
	u64 next = state->next;

	subject->reader = &state->reader;
	while (!fatal_signal_pending(current) && (subject->ctx = uf_ctx_find_from(next))) {
		if (uf_subject_see(subject))
			return true;
		next = subject->ctx->id + 1;
		uf_ctx_put(subject->ctx);
		cond_resched();
	}
	return false;
}

/* netlink calls this until it adds nothing. A context that doesn't fit comes first next time. */
int uf_answer_dump(const struct uf_answer *answer, struct sk_buff *msg,
		   struct netlink_callback *cb)
{
	struct uf_answer_state *state = (void *)cb->args[0];
	struct uf_subject subject;
	int err = 0;

	cb->seq = uf_ctx_generation();
	while (!err && uf_answer_next(state, &subject)) {
		err = uf_answer_add(answer, msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				    &subject, cb);
		if (!err)
			state->next = subject.ctx->id + 1;
		uf_subject_put(&subject);
	}
	return msg->len ?: err;
}
