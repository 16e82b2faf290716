/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef UF_FDINFO_H
#define UF_FDINFO_H

struct file;
struct seq_file;

/* /proc/PID/fdinfo/FD of a context. */
void uf_fdinfo_show(struct seq_file *m, struct file *file);

#endif /* UF_FDINFO_H */
