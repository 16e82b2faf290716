// SPDX-License-Identifier: GPL-2.0-only
/* Dumps of regions and waiters; see nl_memory.h. */
#include <linux/userfault.h>

#include <linux/mm_types.h>
#include <linux/slab.h>

#include "ctx.h"
#include "nl_answer.h"
#include "nl_family.h"
#include "nl_memory.h"
#include "region_list.h"

/* What a dump has collected. */
struct uf_collection {
	u64 id;				/* of the context */
	unsigned long count;
	unsigned long next;		/* the items before it are sent */
	bool more;			/* there were more when it was made */
	union {
		struct uf_region *regions;
		struct uf_waiter_seen *waiters;
		void *items;
	};
};

/* A kind of item. */
struct uf_collecting {
	int id;				/* the attribute with the context's id */
	size_t size;
	/* Fill in @room items at most. Returns how many there are, or an error. */
	long (*collect)(struct uf_collection *collection, const struct uf_subject *subject,
			unsigned long room);
};

static long uf_collect_regions(struct uf_collection *collection, const struct uf_subject *subject,
			       unsigned long room)
{
	return uf_region_list(subject->ctx, collection->regions, room);
}

static long uf_collect_waiters(struct uf_collection *collection, const struct uf_subject *subject,
			       unsigned long room)
{
	return uf_waiters_list(&subject->ctx->waiters, subject->reader->pid_ns,
			       collection->waiters, room);
}

static const struct uf_collecting uf_collecting_regions = {
	.id = USERFAULT_A_REGION_CONTEXT,
	.size = sizeof(struct uf_region),
	.collect = uf_collect_regions,
};

static const struct uf_collecting uf_collecting_waiters = {
	.id = USERFAULT_A_WAITER_CONTEXT,
	.size = sizeof(struct uf_waiter_seen),
	.collect = uf_collect_waiters,
};

static long uf_collect_into(const struct uf_collecting *kind, const struct uf_subject *subject,
			    struct uf_collection *collection, unsigned long room)
{
	kvfree(collection->items);
	collection->items = kvcalloc(room, kind->size, GFP_KERNEL_ACCOUNT);
	return collection->items ? kind->collect(collection, subject, room) : -ENOMEM;
}

/* More may come while room is made. Of twice as many as there were, the rest is left out. */
static int uf_collect(const struct uf_collecting *kind, const struct uf_subject *subject,
		      struct uf_collection *collection)
{
	long count = uf_collect_into(kind, subject, collection, 0), room = 0;

	if (count > 0) {
		room = 2 * count;
		count = uf_collect_into(kind, subject, collection, room);
	}
	if (count < 0)
		return count;
	collection->id = subject->ctx->id;
	collection->count = min(count, room);
	collection->more = count > room;
	return 0;
}

static void uf_collection_free(struct uf_collection *collection)
{
	kvfree(collection->items);
	kfree(collection);
}

static int uf_collect_for(const struct uf_collecting *kind, const struct uf_subject *subject,
			  struct netlink_callback *cb)
{
	struct uf_collection *collection;
	int err;

	if (!subject->owner.tgid) {
		NL_SET_ERR_MSG(cb->extack, "the process is gone, or fork() isn't done with it");
		return -ESRCH;
	}
	if (subject->sight < UF_SEES_MEMORY) {
		NL_SET_ERR_MSG(cb->extack, "addresses are for those who may read the process");
		return -EPERM;
	}
	collection = kzalloc(sizeof(*collection), GFP_KERNEL);
	if (!collection)
		return -ENOMEM;
	err = uf_collect(kind, subject, collection);
	if (err) {
		if (err == -EBUSY)
			NL_SET_ERR_MSG(cb->extack, "the process changes its mappings; try again");
		uf_collection_free(collection);
		return err;
	}
	cb->args[0] = (long)collection;
	return 0;
}

static int uf_collect_start(const struct uf_collecting *kind, struct netlink_callback *cb)
{
	struct uf_subject subject;
	struct uf_reader reader;
	int err;

	uf_reader_get(&reader, cb->skb);
	err = uf_subject_find(&subject, &reader, uf_compat_dump_attrs(cb)[kind->id], cb->extack);
	if (!err) {
		err = uf_collect_for(kind, &subject, cb);
		uf_subject_put(&subject);
	}
	uf_reader_put(&reader);
	return err;
}

int uf_nl_regions_start(struct netlink_callback *cb)
{
	return uf_collect_start(&uf_collecting_regions, cb);
}

int uf_nl_waiters_start(struct netlink_callback *cb)
{
	return uf_collect_start(&uf_collecting_waiters, cb);
}

int uf_nl_memory_done(struct netlink_callback *cb)
{
	uf_collection_free((void *)cb->args[0]);
	return 0;
}

static int uf_nl_put_region(struct sk_buff *msg, u64 id, const struct uf_region *region)
{
	const int pad = USERFAULT_A_REGION_PAD;

	return nla_put_u64_64bit(msg, USERFAULT_A_REGION_CONTEXT, id, pad) ?:
	       nla_put_u64_64bit(msg, USERFAULT_A_REGION_START, region->start, pad) ?:
	       nla_put_u64_64bit(msg, USERFAULT_A_REGION_LENGTH, region->end - region->start,
				 pad) ?:
	       nla_put_u64_64bit(msg, USERFAULT_A_REGION_MODES, region->modes, pad) ?:
	       nla_put_u32(msg, USERFAULT_A_REGION_MEMORY, region->memory);
}

static int uf_nl_put_waiter(struct sk_buff *msg, u64 id, const struct uf_waiter_seen *waiter)
{
	const int pad = USERFAULT_A_WAITER_PAD;

	return nla_put_u64_64bit(msg, USERFAULT_A_WAITER_CONTEXT, id, pad) ?:
	       nla_put_u32(msg, USERFAULT_A_WAITER_TID, waiter->tid) ?:
	       nla_put_u64_64bit(msg, USERFAULT_A_WAITER_ADDRESS, waiter->page, pad) ?:
	       nla_put_u64_64bit(msg, USERFAULT_A_WAITER_FLAGS, waiter->flags, pad) ?:
	       uf_put_age(msg, USERFAULT_A_WAITER_AGE, pad, waiter->since) ?:
	       (waiter->told ? nla_put_flag(msg, USERFAULT_A_WAITER_TOLD) : 0);
}

static int uf_nl_put_item(struct sk_buff *msg, u8 cmd, const struct uf_collection *collection)
{
	unsigned long i = collection->next;

	if (cmd == USERFAULT_CMD_REGION_GET)
		return uf_nl_put_region(msg, collection->id, &collection->regions[i]);
	return uf_nl_put_waiter(msg, collection->id, &collection->waiters[i]);
}

static int uf_nl_memory_dump(struct sk_buff *msg, struct netlink_callback *cb, u8 cmd)
{
	struct uf_collection *collection = (void *)cb->args[0];
	u32 portid = NETLINK_CB(cb->skb).portid;
	void *header;

	for (; collection->next < collection->count; collection->next++) {
		header = genlmsg_put(msg, portid, cb->nlh->nlmsg_seq, &uf_nl_family, NLM_F_MULTI,
				     cmd);
		if (!header)
			break;
		if (uf_nl_put_item(msg, cmd, collection)) {
			genlmsg_cancel(msg, header);
			break;
		}
		if (collection->more)
			genlmsg_nlhdr(header)->nlmsg_flags |= NLM_F_DUMP_INTR;
		genlmsg_end(msg, header);
	}
	return msg->len;
}

int uf_nl_regions_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	return uf_nl_memory_dump(msg, cb, USERFAULT_CMD_REGION_GET);
}

int uf_nl_waiters_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	return uf_nl_memory_dump(msg, cb, USERFAULT_CMD_WAITER_GET);
}
