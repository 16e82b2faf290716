// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family: what contexts there are, who waits in them, what they have counted.
 * <linux/userfault.h> describes its messages.
 *
 * A request is answered with no lock but netlink's own, which keeps other families from coming and
 * going: so no request waits for a lock of mm's.
 *
 * Lifetime: netlink pins the module during a dump, and uf_nl_exit() waits for all other requests.
 */
#include <linux/userfault.h>

#include <linux/mm_types.h>
#include <linux/module.h>

#include "ctx.h"
#include "nl.h"
#include "nl_answer.h"
#include "nl_context.h"
#include "nl_counters.h"
#include "nl_family.h"
#include "nl_memory.h"

static bool uf_nl_begun;	/* set once, by uf_nl_begin() */

static int uf_nl_check_begun(struct netlink_callback *cb)
{
	if (READ_ONCE(uf_nl_begun))
		return 0;
	NL_SET_ERR_MSG(cb->extack, "the module is still being loaded");
	return -EAGAIN;
}

static int uf_nl_context_one(struct sk_buff *request, struct genl_info *info)
{
	return uf_answer_one(&uf_nl_context, request, info);
}

static int uf_nl_context_start(struct netlink_callback *cb)
{
	return uf_nl_check_begun(cb) ?: uf_answer_start(&uf_nl_context, cb);
}

static int uf_nl_context_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	return uf_answer_dump(&uf_nl_context, msg, cb);
}

static int uf_nl_counters_one(struct sk_buff *request, struct genl_info *info)
{
	return uf_answer_one(&uf_nl_counters, request, info);
}

static int uf_nl_counters_start(struct netlink_callback *cb)
{
	return uf_nl_check_begun(cb) ?: uf_answer_start(&uf_nl_counters, cb);
}

static int uf_nl_counters_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	return uf_answer_dump(&uf_nl_counters, msg, cb);
}

static int uf_nl_region_start(struct netlink_callback *cb)
{
	return uf_nl_check_begun(cb) ?: uf_nl_regions_start(cb);
}

static int uf_nl_waiter_start(struct netlink_callback *cb)
{
	return uf_nl_check_begun(cb) ?: uf_nl_waiters_start(cb);
}

static int uf_nl_wake_subject(const struct uf_subject *subject, struct genl_info *info)
{
	const struct nlattr *address = info->attrs[USERFAULT_A_WAKE_ADDRESS];

	if (!subject->owner.tgid) {
		NL_SET_ERR_MSG(info->extack, "the process is gone, or fork() isn't done with it");
		return -ESRCH;
	}
	if (!uf_reader_may_attach(subject->reader, subject->ctx)) {
		NL_SET_ERR_MSG(info->extack, "waking is for those who may trace the process");
		return -EPERM;
	}
	if (address)
		uf_ctx_wake(subject->ctx, nla_get_u64(address) & PAGE_MASK, PAGE_SIZE);
	else
		uf_ctx_wake_all(subject->ctx);
	return 0;
}

static int uf_nl_wake(struct sk_buff *request, struct genl_info *info)
{
	struct uf_subject subject;
	struct uf_reader reader;
	int err;

	uf_reader_get(&reader, request);
	err = uf_subject_find(&subject, &reader, info->attrs[USERFAULT_A_WAKE_CONTEXT],
			      info->extack);
	if (!err) {
		err = uf_nl_wake_subject(&subject, info);
		uf_subject_put(&subject);
	}
	uf_reader_put(&reader);
	return err;
}

static const struct nla_policy uf_nl_context_policy[USERFAULT_A_CONTEXT_ID + 1] = {
	[USERFAULT_A_CONTEXT_ID]	= { .type = NLA_U64 },
};

static const struct nla_policy uf_nl_region_policy[USERFAULT_A_REGION_CONTEXT + 1] = {
	[USERFAULT_A_REGION_CONTEXT]	= { .type = NLA_U64 },
};

static const struct nla_policy uf_nl_waiter_policy[USERFAULT_A_WAITER_CONTEXT + 1] = {
	[USERFAULT_A_WAITER_CONTEXT]	= { .type = NLA_U64 },
};

static const struct nla_policy uf_nl_counters_policy[USERFAULT_A_COUNTERS_CONTEXT + 1] = {
	[USERFAULT_A_COUNTERS_CONTEXT]	= { .type = NLA_U64 },
};

static const struct nla_policy uf_nl_wake_policy[USERFAULT_A_WAKE_MAX + 1] = {
	[USERFAULT_A_WAKE_CONTEXT]	= { .type = NLA_U64 },
	[USERFAULT_A_WAKE_ADDRESS]	= { .type = NLA_U64 },
};

#define UF_NL_POLICY(policy_) .policy = (policy_), .maxattr = ARRAY_SIZE(policy_) - 1

static const struct genl_ops uf_nl_ops[] = {
	{
		.cmd = USERFAULT_CMD_CONTEXT_GET,
		UF_NL_POLICY(uf_nl_context_policy),
		.doit = uf_nl_context_one,
		.start = uf_nl_context_start,
		.dumpit = uf_nl_context_dump,
		.done = uf_answer_done,
	},
	{
		.cmd = USERFAULT_CMD_REGION_GET,
		UF_NL_POLICY(uf_nl_region_policy),
		.start = uf_nl_region_start,
		.dumpit = uf_nl_regions_dump,
		.done = uf_nl_memory_done,
	},
	{
		.cmd = USERFAULT_CMD_WAITER_GET,
		UF_NL_POLICY(uf_nl_waiter_policy),
		.start = uf_nl_waiter_start,
		.dumpit = uf_nl_waiters_dump,
		.done = uf_nl_memory_done,
	},
	{
		.cmd = USERFAULT_CMD_COUNTERS_GET,
		UF_NL_POLICY(uf_nl_counters_policy),
		.doit = uf_nl_counters_one,
		.start = uf_nl_counters_start,
		.dumpit = uf_nl_counters_dump,
		.done = uf_answer_done,
	},
	{
		.cmd = USERFAULT_CMD_WAKE,
		UF_NL_POLICY(uf_nl_wake_policy),
		.doit = uf_nl_wake,
	},
};

struct genl_family uf_nl_family __ro_after_init = {
	.name		= USERFAULT_GENL_NAME,
	.version	= USERFAULT_GENL_VERSION,
	.module		= THIS_MODULE,
	.netnsok	= true,
	.parallel_ops	= true,
	.ops		= uf_nl_ops,
	.n_ops		= ARRAY_SIZE(uf_nl_ops),
};

int uf_nl_init(void)
{
	return genl_register_family(&uf_nl_family);
}

void uf_nl_exit(void)
{
	genl_unregister_family(&uf_nl_family);
}

void uf_nl_begin(void)
{
	WRITE_ONCE(uf_nl_begun, true);
}
