// SPDX-License-Identifier: GPL-2.0-only
/* The answer with a context's counters; see nl_counters.h. */
#include <linux/userfault.h>

#include <net/genetlink.h>

#include "counters.h"
#include "ctx.h"
#include "nl_counters.h"

/* The attributes that pad have one number in all sets. */
static int uf_nl_put_count(struct sk_buff *msg, int attribute, u64 count)
{
	static_assert((int)USERFAULT_A_FAULTS_PAD == USERFAULT_A_COUNTERS_PAD);
	static_assert((int)USERFAULT_A_MESSAGES_PAD == USERFAULT_A_COUNTERS_PAD);
	static_assert((int)USERFAULT_A_COMMANDS_PAD == USERFAULT_A_COUNTERS_PAD);
	static_assert((int)USERFAULT_A_ERRORS_PAD == USERFAULT_A_COUNTERS_PAD);

	return nla_put_u64_64bit(msg, attribute, count, USERFAULT_A_COUNTERS_PAD);
}

static const u64 uf_fault_modes[UF_FAULT_KINDS] = {
	[UF_FAULT_MISSING]	= UFFDIO_REGISTER_MODE_MISSING,
	[UF_FAULT_MINOR]	= UFFDIO_REGISTER_MODE_MINOR,
	[UF_FAULT_WP]		= UFFDIO_REGISTER_MODE_WP,
	[UF_FAULT_RWP]		= UFFDIO_REGISTER_MODE_RWP,
};

static_assert((int)UF_MEMORY_ANON == USERFAULT_MEMORY_ANON);
static_assert((int)UF_MEMORY_SHMEM == USERFAULT_MEMORY_SHMEM);
static_assert((int)UF_MEMORY_HUGETLB == USERFAULT_MEMORY_HUGETLB);

/* Leaves no half nest behind: the whole message is given up if this fails. */
static int uf_nl_put_fault(struct sk_buff *msg, unsigned int i, u64 count)
{
	unsigned int access = i % UF_ACCESS_KINDS;
	unsigned int memory = i / UF_ACCESS_KINDS % UF_MEMORY_KINDS;
	unsigned int kind = i / UF_ACCESS_KINDS / UF_MEMORY_KINDS;
	struct nlattr *nest;

	if (!count)
		return 0;
	nest = nla_nest_start(msg, USERFAULT_A_COUNTERS_FAULTS);
	if (!nest ||
	    uf_nl_put_count(msg, USERFAULT_A_FAULTS_MODE, uf_fault_modes[kind]) ||
	    nla_put_u32(msg, USERFAULT_A_FAULTS_MEMORY, memory) ||
	    (access & UF_ACCESS_WRITE && nla_put_flag(msg, USERFAULT_A_FAULTS_WRITE)) ||
	    (access & UF_ACCESS_KERNEL && nla_put_flag(msg, USERFAULT_A_FAULTS_KERNEL)) ||
	    uf_nl_put_count(msg, USERFAULT_A_FAULTS_COUNT, count))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int uf_nl_put_faults(struct sk_buff *msg, const struct uf_counts *counts)
{
	const u64 *faults = &counts->faults[0][0][0];
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < UF_FAULT_KINDS * UF_MEMORY_KINDS * UF_ACCESS_KINDS; i++)
		err = uf_nl_put_fault(msg, i, faults[i]);
	return err ?:
	       uf_nl_put_count(msg, USERFAULT_A_COUNTERS_WOKEN,
			       counts->fault_ends[UF_FAULT_WOKEN]) ?:
	       uf_nl_put_count(msg, USERFAULT_A_COUNTERS_RETRIED,
			       counts->fault_ends[UF_FAULT_RETRIED]) ?:
	       uf_nl_put_count(msg, USERFAULT_A_COUNTERS_INTERRUPTED,
			       counts->fault_ends[UF_FAULT_INTERRUPTED]) ?:
	       uf_nl_put_count(msg, USERFAULT_A_COUNTERS_SIGBUS,
			       counts->fault_ends[UF_FAULT_SIGBUS]);
}

static int uf_nl_put_messages(struct sk_buff *msg, const struct uf_counts *counts)
{
	struct nlattr *nest;
	unsigned int i;

	for (i = 0; i < UF_MESSAGES; i++) {
		if (!counts->messages[i])
			continue;
		nest = nla_nest_start(msg, USERFAULT_A_COUNTERS_MESSAGES);
		if (!nest ||
		    nla_put_u32(msg, USERFAULT_A_MESSAGES_EVENT, UFFD_EVENT_PAGEFAULT + i) ||
		    uf_nl_put_count(msg, USERFAULT_A_MESSAGES_COUNT, counts->messages[i]))
			return -EMSGSIZE;
		nla_nest_end(msg, nest);
	}
	return 0;
}

static int uf_nl_put_error(struct sk_buff *msg, unsigned int error, u64 count)
{
	struct nlattr *nest = nla_nest_start(msg, USERFAULT_A_COMMANDS_ERRORS);

	if (!nest || nla_put_u32(msg, USERFAULT_A_ERRORS_ERRNO, uf_error_number(error)) ||
	    uf_nl_put_count(msg, USERFAULT_A_ERRORS_COUNT, count))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int uf_nl_put_errors(struct sk_buff *msg, const struct uf_counters *counters,
			    unsigned int command)
{
	unsigned int error;
	u64 count;
	int err = 0;

	for (error = 0; !err && error < UF_ERRORS; error++) {
		count = uf_counters_errors(counters, command, error);
		if (count)
			err = uf_nl_put_error(msg, error, count);
	}
	return err;
}

static int uf_nl_put_command(struct sk_buff *msg, const struct uf_counters *counters,
			     const struct uf_counts *counts, unsigned int command)
{
	struct nlattr *nest;

	if (!uf_counters_called(counters, counts, command))
		return 0;
	nest = nla_nest_start(msg, USERFAULT_A_COUNTERS_COMMANDS);
	if (!nest || nla_put_u32(msg, USERFAULT_A_COMMANDS_NUMBER, uf_command_number(command)) ||
	    uf_nl_put_count(msg, USERFAULT_A_COMMANDS_DONE, counts->done[command]) ||
	    uf_nl_put_count(msg, USERFAULT_A_COMMANDS_PARTLY, counts->partly[command]) ||
	    uf_nl_put_count(msg, USERFAULT_A_COMMANDS_BYTES, counts->bytes[command]) ||
	    uf_nl_put_errors(msg, counters, command))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

static int uf_nl_put_counters(struct sk_buff *msg, const struct uf_subject *subject)
{
	const struct uf_counters *counters = &subject->ctx->counters;
	struct uf_counts counts;
	unsigned int command;
	int err;

	uf_counters_sum(counters, &counts);
	err = nla_put_u64_64bit(msg, USERFAULT_A_COUNTERS_CONTEXT, subject->ctx->id,
				USERFAULT_A_COUNTERS_PAD) ?:
	      uf_nl_put_faults(msg, &counts) ?: uf_nl_put_messages(msg, &counts);
	for (command = 0; !err && command < UF_COMMANDS; command++)
		err = uf_nl_put_command(msg, counters, &counts, command);
	return err;
}

/*
 * The most that a nest or an attribute takes, with the one that pads it: 16 bytes and 4. A fault
 * has five in its nest, a message two, a command four besides its errors, each of which has two.
 */
#define UF_COUNTERS_ROOM						\
	(20 * (8 +							\
	       UF_FAULT_KINDS * UF_MEMORY_KINDS * UF_ACCESS_KINDS * 6 +	\
	       UF_MESSAGES * 3 + UF_COMMANDS * (5 + UF_ERRORS * 3)))

const struct uf_answer uf_nl_counters = {
	.cmd = USERFAULT_CMD_COUNTERS_GET,
	.id = USERFAULT_A_COUNTERS_CONTEXT,
	.room = UF_COUNTERS_ROOM,
	.put = uf_nl_put_counters,
};
