// SPDX-License-Identifier: GPL-2.0-only
/* Counters; see counters.h. */
#include <linux/userfault.h>

#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "counters.h"

static_assert(sizeof(struct uf_counts) % sizeof(u64) == 0);	/* they are added up as an array */
static_assert(sizeof(struct uf_counts) < SZ_1K);	/* as Documentation/security.rst says */

static const char *const uf_command_names[UF_COMMANDS] = {
	[_UFFDIO_REGISTER]	= "REGISTER",
	[_UFFDIO_UNREGISTER]	= "UNREGISTER",
	[_UFFDIO_WAKE]		= "WAKE",
	[_UFFDIO_COPY]		= "COPY",
	[_UFFDIO_ZEROPAGE]	= "ZEROPAGE",
	[_UFFDIO_MOVE]		= "MOVE",
	[_UFFDIO_WRITEPROTECT]	= "WRITEPROTECT",
	[_UFFDIO_CONTINUE]	= "CONTINUE",
	[_UFFDIO_POISON]	= "POISON",
	[_UFFDIO_RWPROTECT]	= "RWPROTECT",
	[_UFFDIO_SET_MODE]	= "SET_MODE",
	[UF_COMMAND_API]	= "API",
};

static const struct {
	const char *name;
	int number;
} uf_errors[] = {
	{ "EPERM", EPERM },
	{ "ENOENT", ENOENT },
	{ "ESRCH", ESRCH },
	{ "EINTR", EINTR },
	{ "EIO", EIO },
	{ "EAGAIN", EAGAIN },
	{ "ENOMEM", ENOMEM },
	{ "EFAULT", EFAULT },
	{ "EBUSY", EBUSY },
	{ "EEXIST", EEXIST },
	{ "EINVAL", EINVAL },
	{ "ENOSPC", ENOSPC },
	{ "other", 0 },
};

static_assert(ARRAY_SIZE(uf_errors) == UF_ERRORS);

const char *uf_command_name(unsigned int command)
{
	return uf_command_names[command];
}

const char *uf_error_name(unsigned int error)
{
	return uf_errors[error].name;
}

int uf_error_number(unsigned int error)
{
	return uf_errors[error].number;
}

void uf_counters_init(struct uf_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
}

int uf_counters_prepare(struct uf_counters *counters)
{
	struct uf_counts __percpu *counts;

	if (READ_ONCE(counters->counts))
		return 0;
	counts = alloc_percpu_gfp(struct uf_counts, GFP_KERNEL_ACCOUNT);
	if (!counts)
		return -ENOMEM;
	if (cmpxchg(&counters->counts, NULL, counts))
		free_percpu(counts);	/* another thread was first */
	return 0;
}

void uf_counters_free(struct uf_counters *counters)
{
	free_percpu(counters->counts);
}

static void uf_counts_add(struct uf_counts *sum, const struct uf_counts *counts)
{
	const u64 *from = (const u64 *)counts;
	u64 *to = (u64 *)sum;
	size_t i;

	for (i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += READ_ONCE(from[i]);
}

static void uf_counts_add_early(struct uf_counts *sum, const struct uf_counters *counters)
{
	unsigned int command;

	for (command = 0; command < UF_COMMANDS; command++) {
		sum->done[command] += atomic_long_read(&counters->early[command].done);
		sum->partly[command] += atomic_long_read(&counters->early[command].partly);
		sum->bytes[command] += atomic_long_read(&counters->early[command].bytes);
	}
}

void uf_counters_sum(const struct uf_counters *counters, struct uf_counts *sum)
{
	struct uf_counts __percpu *counts = READ_ONCE(counters->counts);
	int cpu;

	memset(sum, 0, sizeof(*sum));
	uf_counts_add_early(sum, counters);
	if (!counts)
		return;
	for_each_possible_cpu(cpu)
		uf_counts_add(sum, per_cpu_ptr(counts, cpu));
}

bool uf_counters_called(const struct uf_counters *counters, const struct uf_counts *counts,
			unsigned int command)
{
	unsigned int error;

	for (error = 0; error < UF_ERRORS; error++)
		if (uf_counters_errors(counters, command, error))
			return true;
	return counts->done[command] || counts->partly[command];
}

static unsigned int uf_error_of(int number)
{
	unsigned int error;

	for (error = 0; error < UF_ERROR_OTHER; error++)
		if (uf_errors[error].number == number)
			break;
	return error;
}

long uf_count_unfinished(struct uf_counters *counters, unsigned int command, long result)
{
	struct uf_counts __percpu *counts = READ_ONCE(counters->counts);

	if (result == UF_PARTLY) {
		if (counts)
			this_cpu_inc(counts->partly[command]);
		else
			atomic_long_inc(&counters->early[command].partly);
		return -EAGAIN;
	}
	atomic_long_inc(&counters->errors[command][uf_error_of(-result)]);
	return result;
}
