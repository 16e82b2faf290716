/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a context counts: its faults, its messages, and its commands with their outcomes.
 *
 * What a fault or a command that goes well counts is per CPU, so that no line of memory is shared
 * for it. Each sum of these is a snapshot: a counter may have been read on one CPU before, and on
 * another after something was counted. No counter ever goes back. Errors, which are rare, share an
 * array.
 */
#ifndef UF_COUNTERS_H
#define UF_COUNTERS_H

#include <linux/userfault.h>

#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/percpu.h>

/* Why a fault came to a context. */
enum uf_fault_kind {
	UF_FAULT_MISSING,
	UF_FAULT_MINOR,
	UF_FAULT_WP,
	UF_FAULT_RWP,
	UF_FAULT_KINDS,
};

enum uf_memory_kind {
	UF_MEMORY_ANON,
	UF_MEMORY_SHMEM,
	UF_MEMORY_HUGETLB,
	UF_MEMORY_KINDS,
};

/* By whom: bit 0 is set for a write, bit 1 for an access of the kernel's own. */
#define UF_ACCESS_WRITE		1U
#define UF_ACCESS_KERNEL	2U
#define UF_ACCESS_KINDS		4U

/*
 * How a fault ended for its thread. Each fault that was counted by its kind ends in one of these
 * ways, unless its thread still waits.
 */
enum uf_fault_end {
	UF_FAULT_WOKEN,		/* it waited until it was woken */
	UF_FAULT_RETRIED,	/* it didn't wait: the page had come, or it can't wait here */
	UF_FAULT_INTERRUPTED,	/* a signal, or a time limit, ended the wait */
	UF_FAULT_SIGBUS,	/* it was refused */
	UF_FAULT_ENDS,
};

/* The kinds of message, in the order of their numbers in the ABI. */
#define UF_MESSAGES		(UFFD_EVENT_UNMAP - UFFD_EVENT_PAGEFAULT + 1)

/* The commands by their numbers. UFFDIO_API comes last: its number is far from the rest. */
#define UF_COMMAND_API		(_UFFDIO_SET_MODE + 1)
#define UF_COMMANDS		(UF_COMMAND_API + 1)

/* What a command's handler returns if it has done a part of its range; its caller gets EAGAIN. */
#define UF_PARTLY		1

/* The errors that are told apart have the numbers below UF_ERROR_OTHER, see uf_errors[]. */
#define UF_ERROR_OTHER		12
#define UF_ERRORS		(UF_ERROR_OTHER + 1)

/* What is counted on each CPU. */
struct uf_counts {
	u64 faults[UF_FAULT_KINDS][UF_MEMORY_KINDS][UF_ACCESS_KINDS];
	u64 fault_ends[UF_FAULT_ENDS];
	u64 messages[UF_MESSAGES];	/* that were delivered */
	u64 done[UF_COMMANDS];		/* commands that did all of it */
	u64 partly[UF_COMMANDS];
	u64 bytes[UF_COMMANDS];		/* of memory that was filled, protected and so on */
};

/* What a command has done while there is no memory for more. */
struct uf_early_counts {
	atomic_long_t done;
	atomic_long_t partly;
	atomic_long_t bytes;
};

struct uf_counters {
	struct uf_counts __percpu *counts;	/* NULL until uf_counters_prepare() sets it */
	struct uf_early_counts early[UF_COMMANDS];
	atomic_long_t errors[UF_COMMANDS][UF_ERRORS];
};

/* Begin with zeroes. */
void uf_counters_init(struct uf_counters *counters);

/*
 * Have memory to count on each CPU. This comes before memory is registered, and so before there are
 * faults and messages: a context that registers none costs nothing. -ENOMEM: as before. May sleep.
 * The memory is charged to the caller's cgroup.
 */
int uf_counters_prepare(struct uf_counters *counters);

/* Doesn't sleep. Nobody counts, or reads, any more. */
void uf_counters_free(struct uf_counters *counters);

/* Add up what all CPUs have counted, into @sum, which this clears first. */
void uf_counters_sum(const struct uf_counters *counters, struct uf_counts *sum);

/* How often a command has failed with an error. */
static inline u64 uf_counters_errors(const struct uf_counters *counters, unsigned int command,
				     unsigned int error)
{
	return atomic_long_read(&counters->errors[command][error]);
}

/* The number of a command of which @nr is _IOC_NR(), and which there is. */
static inline unsigned int uf_command_of(unsigned int nr)
{
	return min_t(unsigned int, nr, UF_COMMAND_API);
}

/* The reverse: _UFFDIO_*. */
static inline unsigned int uf_command_number(unsigned int command)
{
	return command == UF_COMMAND_API ? _UFFDIO_API : command;
}

/* The name of a command, without UFFDIO_, and of an error: "COPY", "EEXIST", "other". */
const char *uf_command_name(unsigned int command);
const char *uf_error_name(unsigned int error);

/* Its number; 0 for "other". */
int uf_error_number(unsigned int error);

/* Whether the command was ever called; @counts is from uf_counters_sum(). */
bool uf_counters_called(const struct uf_counters *counters, const struct uf_counts *counts,
			unsigned int command);

static __always_inline void uf_count_fault(const struct uf_counters *counters,
					   enum uf_fault_kind kind, enum uf_memory_kind memory,
					   unsigned int access)
{
	this_cpu_inc(counters->counts->faults[kind][memory][access]);
}

static __always_inline void uf_count_fault_end(const struct uf_counters *counters,
					       enum uf_fault_end end)
{
	this_cpu_inc(counters->counts->fault_ends[end]);
}

/* @event is the message's: UFFD_EVENT_PAGEFAULT, say. */
static __always_inline void uf_count_message(const struct uf_counters *counters, unsigned int event)
{
	this_cpu_inc(counters->counts->messages[event - UFFD_EVENT_PAGEFAULT]);
}

static __always_inline void uf_count_bytes(struct uf_counters *counters, unsigned int command,
					   unsigned long bytes)
{
	struct uf_counts __percpu *counts = READ_ONCE(counters->counts);

	if (likely(counts))
		this_cpu_add(counts->bytes[command], bytes);
	else
		atomic_long_add(bytes, &counters->early[command].bytes);
}

/* Count a command that has done a part (UF_PARTLY), or failed. Returns what ioctl(2) is to. */
long uf_count_unfinished(struct uf_counters *counters, unsigned int command, long result);

/* Count a command by what its handler has returned. Returns what ioctl(2) is to return. */
static __always_inline long uf_count_command(struct uf_counters *counters, unsigned int command,
					     long result)
{
	struct uf_counts __percpu *counts = READ_ONCE(counters->counts);

	if (unlikely(result))
		return uf_count_unfinished(counters, command, result);
	if (likely(counts))
		this_cpu_inc(counts->done[command]);
	else
		atomic_long_inc(&counters->early[command].done);
	return 0;
}

#endif /* UF_COUNTERS_H */
