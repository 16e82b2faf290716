// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc/PID/fdinfo shows: the three lines that upstream prints, in its format, then ours.
 * Documentation/userfault.rst says what each line means.
 *
 * The lines of ours are a name, a colon and a tab, and then values or NAME=VALUE pairs with a space
 * between them. Faults, errors and commands that never happened are left out.
 */
#include <linux/userfault.h>

#include <linux/fcntl.h>
#include <linux/jiffies.h>
#include <linux/seq_file.h>

#include "ctx.h"
#include "fdinfo.h"
#include "ioctl.h"
#include "region_list.h"

static const char *const uf_fault_kinds[UF_FAULT_KINDS] = {
	[UF_FAULT_MISSING]	= "missing",
	[UF_FAULT_MINOR]	= "minor",
	[UF_FAULT_WP]		= "wp",
	[UF_FAULT_RWP]		= "rwp",
};

static const char *const uf_memory_kinds[UF_MEMORY_KINDS] = {
	[UF_MEMORY_ANON]	= "anon",
	[UF_MEMORY_SHMEM]	= "shmem",
	[UF_MEMORY_HUGETLB]	= "hugetlb",
};

static const char *const uf_access_kinds[UF_ACCESS_KINDS] = {
	[0]					= "read",
	[UF_ACCESS_WRITE]			= "write",
	[UF_ACCESS_KERNEL]			= "kernel-read",
	[UF_ACCESS_KERNEL | UF_ACCESS_WRITE]	= "kernel-write",
};

static const char *const uf_message_kinds[UF_MESSAGES] = {
	[UFFD_EVENT_PAGEFAULT - UFFD_EVENT_PAGEFAULT]	= "pagefault",
	[UFFD_EVENT_FORK - UFFD_EVENT_PAGEFAULT]	= "fork",
	[UFFD_EVENT_REMAP - UFFD_EVENT_PAGEFAULT]	= "remap",
	[UFFD_EVENT_REMOVE - UFFD_EVENT_PAGEFAULT]	= "remove",
	[UFFD_EVENT_UNMAP - UFFD_EVENT_PAGEFAULT]	= "unmap",
};

static void uf_fdinfo_show_flags(struct seq_file *m, unsigned int flags)
{
	seq_printf(m, "context-flags:\tcloexec=%d nonblock=%d user-mode-only=%d\n",
		   !!(flags & O_CLOEXEC), !!(flags & O_NONBLOCK), !!(flags & UFFD_USER_MODE_ONLY));
}

static void uf_fdinfo_show_registered(struct seq_file *m, struct uf_ctx *ctx)
{
	struct uf_region_bytes bytes;

	if (uf_region_registered(ctx, &bytes))
		return;
	seq_printf(m, "registered:\tmissing=%llu minor=%llu wp=%llu rwp=%llu\n", bytes.missing,
		   bytes.minor, bytes.wp, bytes.rwp);
}

static void uf_fdinfo_show_age(struct seq_file *m, const char *name, unsigned long count,
			       unsigned long since)
{
	if (count)
		seq_printf(m, "%s-ms:\t%llu\n", name, jiffies64_to_msecs(jiffies - since));
}

static void uf_fdinfo_show_waiting(struct seq_file *m, struct uf_ctx *ctx,
				   const struct uf_waiters_seen *seen)
{
	unsigned long events, oldest;

	seq_printf(m, "told:\t%lu\n", seen->total - seen->pending);
	uf_fdinfo_show_age(m, "oldest-pending", seen->pending, seen->oldest_pending);
	uf_fdinfo_show_age(m, "oldest", seen->total, seen->oldest);
	events = uf_events_see(&ctx->events, &oldest);
	seq_printf(m, "events:\t%lu\n", events);
	uf_fdinfo_show_age(m, "oldest-event", events, oldest);
}

static void uf_fdinfo_show_faults(struct seq_file *m, const struct uf_counts *counts)
{
	const u64 *faults = &counts->faults[0][0][0];
	unsigned int i;

	seq_puts(m, "faults:\t");
	for (i = 0; i < UF_FAULT_KINDS * UF_MEMORY_KINDS * UF_ACCESS_KINDS; i++)
		if (faults[i])
			seq_printf(m, "%s-%s-%s=%llu ",
				   uf_fault_kinds[i / UF_ACCESS_KINDS / UF_MEMORY_KINDS],
				   uf_memory_kinds[i / UF_ACCESS_KINDS % UF_MEMORY_KINDS],
				   uf_access_kinds[i % UF_ACCESS_KINDS], faults[i]);
	seq_printf(m, "woken=%llu retried=%llu interrupted=%llu sigbus=%llu\n",
		   counts->fault_ends[UF_FAULT_WOKEN], counts->fault_ends[UF_FAULT_RETRIED],
		   counts->fault_ends[UF_FAULT_INTERRUPTED], counts->fault_ends[UF_FAULT_SIGBUS]);
}

static void uf_fdinfo_show_messages(struct seq_file *m, const struct uf_counts *counts)
{
	unsigned int kind;

	seq_puts(m, "messages:\t");
	for (kind = 0; kind < UF_MESSAGES; kind++)
		seq_printf(m, "%s=%llu%c", uf_message_kinds[kind], counts->messages[kind],
			   kind + 1 < UF_MESSAGES ? ' ' : '\n');
}

/* One line, if the command was ever called. */
static void uf_fdinfo_show_command(struct seq_file *m, const struct uf_counters *counters,
				   const struct uf_counts *counts, unsigned int command)
{
	unsigned int error;
	u64 count;

	if (!uf_counters_called(counters, counts, command))
		return;

	seq_printf(m, "UFFDIO_%s:\tdone=%llu partly=%llu ", uf_command_name(command),
		   counts->done[command], counts->partly[command]);
	for (error = 0; error < UF_ERRORS; error++) {
		count = uf_counters_errors(counters, command, error);
		if (count)
			seq_printf(m, "%s=%llu ", uf_error_name(error), count);
	}
	seq_printf(m, "bytes=%llu\n", counts->bytes[command]);
}

void uf_fdinfo_show(struct seq_file *m, struct file *file)
{
	struct uf_ctx *ctx = file->private_data;
	struct uf_waiters_seen seen;
	struct uf_counts counts;
	unsigned int command;

	uf_waiters_see(&ctx->waiters, &seen);
	seq_printf(m, "pending:\t%lu\ntotal:\t%lu\nAPI:\t%llx:%x:%llx\n", seen.pending,
		   seen.total, UFFD_API, READ_ONCE(ctx->view.features),
		   UF_API_IOCTLS | UF_RANGE_IOCTLS);

	seq_printf(m, "protocols:\t%llx\ncontext:\t%llu\n", UFFD_API, ctx->id);
	uf_fdinfo_show_flags(m, ctx->view.flags);
	uf_fdinfo_show_registered(m, ctx);
	uf_fdinfo_show_waiting(m, ctx, &seen);
	uf_counters_sum(&ctx->counters, &counts);
	uf_fdinfo_show_faults(m, &counts);
	uf_fdinfo_show_messages(m, &counts);
	for (command = 0; command < UF_COMMANDS; command++)
		uf_fdinfo_show_command(m, &ctx->counters, &counts, command);
}
