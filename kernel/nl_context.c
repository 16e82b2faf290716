// SPDX-License-Identifier: GPL-2.0-only
/* The answer that describes a context; see nl_context.h. */
#include <linux/userfault.h>

#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/user_namespace.h>
#include <net/genetlink.h>

#include "ctx.h"
#include "nl_context.h"

#define UF_PAD USERFAULT_A_CONTEXT_PAD

static int uf_nl_put_owner(struct sk_buff *msg, const struct uf_subject *subject)
{
	const struct uf_owner *owner = &subject->owner;

	if (!owner->tgid)
		return 0;
	return nla_put_u32(msg, USERFAULT_A_CONTEXT_TGID, owner->tgid) ?:
	       nla_put_u32(msg, USERFAULT_A_CONTEXT_PID, owner->pid) ?:
	       nla_put_string(msg, USERFAULT_A_CONTEXT_COMM, owner->comm);
}

static int uf_nl_put_made(struct sk_buff *msg, const struct uf_subject *subject)
{
	struct user_namespace *user_ns = subject->reader->opener->user_ns;
	const struct uf_ctx *ctx = subject->ctx;

	return nla_put_u32(msg, USERFAULT_A_CONTEXT_UID,
			   from_kuid_munged(user_ns, ctx->cred->euid)) ?:
	       nla_put_u32(msg, USERFAULT_A_CONTEXT_FLAGS, ctx->view.flags) ?:
	       nla_put_u64_64bit(msg, USERFAULT_A_CONTEXT_FEATURES,
				 READ_ONCE(ctx->view.features) & ~UF_FEATURE_INITIALIZED, UF_PAD) ?:
	       nla_put_u64_64bit(msg, USERFAULT_A_CONTEXT_MODES, atomic64_read(&ctx->modes),
				 UF_PAD) ?:
	       nla_put_u64_64bit(msg, USERFAULT_A_CONTEXT_AGE,
				 jiffies64_to_msecs(get_jiffies_64() - ctx->made), UF_PAD);
}

static int uf_nl_put_oldest(struct sk_buff *msg, int attribute, unsigned long count,
			    unsigned long since)
{
	return count ? uf_put_age(msg, attribute, UF_PAD, since) : 0;
}

static int uf_nl_put_waiting(struct sk_buff *msg, struct uf_ctx *ctx)
{
	struct uf_waiters_seen seen;
	unsigned long events, oldest;

	uf_waiters_see(&ctx->waiters, &seen);
	events = uf_events_see(&ctx->events, &oldest);
	return nla_put_u32(msg, USERFAULT_A_CONTEXT_PENDING, seen.pending) ?:
	       nla_put_u32(msg, USERFAULT_A_CONTEXT_WAITING, seen.total) ?:
	       nla_put_u32(msg, USERFAULT_A_CONTEXT_EVENTS, events) ?:
	       uf_nl_put_oldest(msg, USERFAULT_A_CONTEXT_OLDEST_PENDING, seen.pending,
				seen.oldest_pending) ?:
	       uf_nl_put_oldest(msg, USERFAULT_A_CONTEXT_OLDEST_WAITING, seen.total, seen.oldest) ?:
	       uf_nl_put_oldest(msg, USERFAULT_A_CONTEXT_OLDEST_EVENT, events, oldest);
}

static int uf_nl_put_context(struct sk_buff *msg, const struct uf_subject *subject)
{
	return nla_put_u64_64bit(msg, USERFAULT_A_CONTEXT_ID, subject->ctx->id, UF_PAD) ?:
	       uf_nl_put_owner(msg, subject) ?: uf_nl_put_made(msg, subject) ?:
	       uf_nl_put_waiting(msg, subject->ctx);
}

const struct uf_answer uf_nl_context = {
	.cmd = USERFAULT_CMD_CONTEXT_GET,
	.id = USERFAULT_A_CONTEXT_ID,
	.room = USERFAULT_A_CONTEXT_MAX * 20 + TASK_COMM_LEN,
	.put = uf_nl_put_context,
};
