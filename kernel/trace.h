/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints userfault:*. Contexts are named by their ids, addresses are those of their
 * processes. Times are for who traces to take: from a fault to its told, resolved and woken, by
 * context and address.
 *
 * The kernel's tracing reads this header several times. That is why what surrounds the events looks
 * as it does.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM userfault

#if !defined(UF_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define UF_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

/* A context was made, by a process or by its fork. */
TRACE_EVENT(context_made,
	TP_PROTO(u64 ctx, unsigned int flags),
	TP_ARGS(ctx, flags),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(unsigned int, flags)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->flags = flags;
	),
	TP_printk("ctx=%llu flags=%#x", __entry->ctx, __entry->flags)
);

/* Nobody refers to it any more. */
TRACE_EVENT(context_gone,
	TP_PROTO(u64 ctx),
	TP_ARGS(ctx),
	TP_STRUCT__entry(
		__field(u64, ctx)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
	),
	TP_printk("ctx=%llu", __entry->ctx)
);

/* Something about an address of a context, with the flags of a fault's message. */
DECLARE_EVENT_CLASS(uf_fault,
	TP_PROTO(u64 ctx, u64 address, u64 flags),
	TP_ARGS(ctx, address, flags),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u64, address)
		__field(u64, flags)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->address = address;
		__entry->flags = flags;
	),
	TP_printk("ctx=%llu address=%#llx flags=%#llx", __entry->ctx, __entry->address,
		  __entry->flags)
);

/* A thread waits from here on: it is the current one. */
DEFINE_EVENT(uf_fault, fault,
	TP_PROTO(u64 ctx, u64 address, u64 flags), TP_ARGS(ctx, address, flags));

/* It was woken, and accesses its page again. */
DEFINE_EVENT(uf_fault, woken,
	TP_PROTO(u64 ctx, u64 address, u64 flags), TP_ARGS(ctx, address, flags));

/* It accesses its page again without having been woken: the page came before, or a signal did. */
DEFINE_EVENT(uf_fault, retried,
	TP_PROTO(u64 ctx, u64 address, u64 flags), TP_ARGS(ctx, address, flags));

/* A reader, the current thread, has a message: of a fault, or of an event (UFFD_EVENT_*). */
TRACE_EVENT(told,
	TP_PROTO(u64 ctx, unsigned int event, u64 address),
	TP_ARGS(ctx, event, address),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(unsigned int, event)
		__field(u64, address)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->event = event;
		__entry->address = address;
	),
	TP_printk("ctx=%llu event=%#x address=%#llx", __entry->ctx, __entry->event,
		  __entry->address)
);

/* Threads that wait for a page of the range are being woken, if there are any. */
TRACE_EVENT(resolved,
	TP_PROTO(u64 ctx, u64 start, u64 len),
	TP_ARGS(ctx, start, len),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u64, start)
		__field(u64, len)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->start = start;
		__entry->len = len;
	),
	TP_printk("ctx=%llu start=%#llx len=%#llx", __entry->ctx, __entry->start, __entry->len)
);

/* An event was queued: its thread, the current one, waits until it is read. */
TRACE_EVENT(event_queued,
	TP_PROTO(u64 ctx, unsigned int event),
	TP_ARGS(ctx, event),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(unsigned int, event)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->event = event;
	),
	TP_printk("ctx=%llu event=%#x", __entry->ctx, __entry->event)
);

/* COPY, ZEROPAGE, CONTINUE or POISON (_UFFDIO_*) is over: bytes that it did, or an error. */
TRACE_EVENT(fill,
	TP_PROTO(u64 ctx, unsigned int command, u64 dst, u64 len, long result),
	TP_ARGS(ctx, command, dst, len, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(unsigned int, command)
		__field(u64, dst)
		__field(u64, len)
		__field(long, result)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->command = command;
		__entry->dst = dst;
		__entry->len = len;
		__entry->result = result;
	),
	TP_printk("ctx=%llu command=%#x dst=%#llx len=%#llx result=%ld", __entry->ctx,
		  __entry->command, __entry->dst, __entry->len, __entry->result)
);

/* WRITEPROTECT or RWPROTECT (_UFFDIO_*) is over. */
TRACE_EVENT(protect,
	TP_PROTO(u64 ctx, unsigned int command, u64 start, u64 len, bool protect, int err),
	TP_ARGS(ctx, command, start, len, protect, err),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(unsigned int, command)
		__field(u64, start)
		__field(u64, len)
		__field(bool, protect)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->command = command;
		__entry->start = start;
		__entry->len = len;
		__entry->protect = protect;
		__entry->err = err;
	),
	TP_printk("ctx=%llu command=%#x start=%#llx len=%#llx protect=%d err=%d", __entry->ctx,
		  __entry->command, __entry->start, __entry->len, __entry->protect, __entry->err)
);

/* MOVE is over: bytes that it did, or an error. */
TRACE_EVENT(move,
	TP_PROTO(u64 ctx, u64 dst, u64 src, u64 len, long result),
	TP_ARGS(ctx, dst, src, len, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u64, dst)
		__field(u64, src)
		__field(u64, len)
		__field(long, result)
	),
	TP_fast_assign(
		__entry->ctx = ctx;
		__entry->dst = dst;
		__entry->src = src;
		__entry->len = len;
		__entry->result = result;
	),
	TP_printk("ctx=%llu dst=%#llx src=%#llx len=%#llx result=%ld", __entry->ctx, __entry->dst,
		  __entry->src, __entry->len, __entry->result)
);

#endif /* UF_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
