/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who asks about contexts, and what of them the answer may tell. <linux/userfault.h> has the rules,
 * above the netlink family.
 */
#ifndef UF_READER_H
#define UF_READER_H

#include <linux/sched.h>
#include <linux/types.h>

struct cred;
struct pid_namespace;
struct sk_buff;
struct uf_ctx;

/*
 * Two processes can be behind a request: the one that sent it, and the one that opened its socket.
 * A program with more rights can be made to write a message into a socket that it was given, so
 * both need the right to what is asked for.
 */
struct uf_reader {
	const struct cred *sender;
	const struct cred *opener;
	struct pid_namespace *pid_ns;
};

enum uf_sight {
	UF_SEES_NOTHING,
	UF_SEES_CONTEXT,	/* but no address */
	UF_SEES_MEMORY,
};

/* The owner of a context's memory, as a reader's namespace knows it. */
struct uf_owner {
	pid_t tgid;		/* 0: the process is gone, or fork() isn't done with it */
	pid_t pid;		/* one of its threads */
	char comm[TASK_COMM_LEN];	/* that thread's */
};

/*
 * Whoever has sent @request, which the current process is handling. Takes references, which
 * uf_reader_put() puts.
 */
void uf_reader_get(struct uf_reader *reader, const struct sk_buff *request);
void uf_reader_put(struct uf_reader *reader);

/*
 * What the reader may see of @ctx, which the caller holds, and who owns its memory. Doesn't sleep.
 */
enum uf_sight uf_reader_sees(const struct uf_reader *reader, const struct uf_ctx *ctx,
			     struct uf_owner *owner);

/* Whether the reader may attach to the process whose memory it is. Doesn't sleep. */
bool uf_reader_may_attach(const struct uf_reader *reader, const struct uf_ctx *ctx);

#endif /* UF_READER_H */
