// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc/PID/fdinfo shows: the three lines that upstream prints, in its format.
 *
 * pending: faults that no monitor has been told about; total: all faults that wait; API: version,
 * features in use, and commands.
 */
#include <linux/userfault.h>

#include <linux/seq_file.h>

#include "ctx.h"
#include "fdinfo.h"
#include "ioctl.h"

void uf_fdinfo_show(struct seq_file *m, struct file *file)
{
	struct uf_ctx *ctx = file->private_data;
	unsigned long pending, total;

	uf_waiters_count(&ctx->waiters, &pending, &total);
	seq_printf(m, "pending:\t%lu\ntotal:\t%lu\nAPI:\t%llx:%x:%llx\n", pending, total, UFFD_API,
		   READ_ONCE(ctx->view.features), UF_API_IOCTLS | UF_RANGE_IOCTLS);
}
