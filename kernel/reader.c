// SPDX-License-Identifier: GPL-2.0-only
/* Who asks about contexts; see reader.h. */
#include <linux/userfault.h>

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/skbuff.h>
#include <linux/user_namespace.h>
#include <net/sock.h>

#include "compat/ksyms.h"
#include "compat/owner.h"
#include "ctx.h"
#include "reader.h"

/* The socket stays open while its message is handled. A socket of the kernel's own has no file. */
static const struct cred *uf_reader_opener(const struct sk_buff *request)
{
	const struct sock *sk = NETLINK_CB(request).sk;

	return sk && sk->sk_socket && sk->sk_socket->file ? sk->sk_socket->file->f_cred
							  : current_cred();
}

void uf_reader_get(struct uf_reader *reader, const struct sk_buff *request)
{
	reader->sender = get_current_cred();
	reader->opener = get_cred(uf_reader_opener(request));
	reader->pid_ns = get_pid_ns(task_active_pid_ns(current));
}

void uf_reader_put(struct uf_reader *reader)
{
	put_pid_ns(reader->pid_ns);
	put_cred(reader->opener);
	put_cred(reader->sender);
}

/*
 * While fork() makes a task, that is its new address space's owner already, but still has the ids
 * of its parent. A task that has exited has none. The caller holds the RCU read lock.
 */
static struct task_struct *uf_owner_task(const struct uf_ctx *ctx)
{
	struct task_struct *task = uf_compat_mm_owner(ctx->view.mm, ctx->maker);

	return task && READ_ONCE(task->mm) == ctx->view.mm &&
	       pid_task(READ_ONCE(task->thread_pid), PIDTYPE_PID) == task ? task : NULL;
}

/*
 * ptrace lets every process look at itself, whatever its credentials are. But the current process
 * may be made to handle what another one has sent: that one must have all the rights of this one.
 */
static bool uf_cred_may_see_current(const struct cred *cred)
{
	const struct cred *own = current_cred();

	return cred == own || (cred->user_ns == own->user_ns && uid_eq(cred->euid, own->euid) &&
			       gid_eq(cred->egid, own->egid) &&
			       cap_issubset(own->cap_permitted, cred->cap_permitted));
}

static bool uf_cred_may_trace(const struct cred *cred, struct task_struct *task, unsigned int mode)
{
	const struct cred *own;
	bool may;

	if (same_thread_group(task, current))
		return uf_cred_may_see_current(cred);
	own = override_creds(cred);
	may = uf_ksym(ptrace_may_access)(task, mode | PTRACE_MODE_NOAUDIT);
	revert_creds(own);
	return may;
}

static bool uf_reader_may_trace(const struct uf_reader *reader, struct task_struct *task,
				unsigned int mode)
{
	return uf_cred_may_trace(reader->sender, task, mode) &&
	       (reader->opener == reader->sender ||
		uf_cred_may_trace(reader->opener, task, mode));
}

static bool uf_cred_is_owner(const struct cred *cred, const struct uf_ctx *ctx)
{
	const struct cred *own = override_creds(cred);
	bool is = uid_eq(current_euid(), ctx->cred->euid) ||
		  ns_capable_noaudit(ctx->cred->user_ns, CAP_SYS_PTRACE);

	revert_creds(own);
	return is;
}

/* Of the user who made the context, or with the right to trace any process there. */
static bool uf_reader_is_owner(const struct uf_reader *reader, const struct uf_ctx *ctx)
{
	return uf_cred_is_owner(reader->sender, ctx) &&
	       (reader->opener == reader->sender || uf_cred_is_owner(reader->opener, ctx));
}

enum uf_sight uf_reader_sees(const struct uf_reader *reader, const struct uf_ctx *ctx,
			     struct uf_owner *owner)
{
	enum uf_sight sight = UF_SEES_NOTHING;
	struct task_struct *task;
	pid_t maker;

	*owner = (struct uf_owner){};
	rcu_read_lock();
	task = uf_owner_task(ctx);
	maker = pid_nr_ns(ctx->maker, reader->pid_ns);
	if (task) {
		owner->tgid = task_tgid_nr_ns(task, reader->pid_ns);
		owner->pid = task_pid_nr_ns(task, reader->pid_ns);
		get_task_comm(owner->comm, task);
	}
	if (task ? owner->tgid : maker) {
		if (task && uf_reader_may_trace(reader, task, PTRACE_MODE_READ_FSCREDS))
			sight = UF_SEES_MEMORY;
		else if (uf_reader_is_owner(reader, ctx))
			sight = UF_SEES_CONTEXT;
	}
	rcu_read_unlock();
	return sight;
}

bool uf_reader_may_attach(const struct uf_reader *reader, const struct uf_ctx *ctx)
{
	struct task_struct *task;
	bool may;

	rcu_read_lock();
	task = uf_owner_task(ctx);
	may = task && task_tgid_nr_ns(task, reader->pid_ns) &&
	      uf_reader_may_trace(reader, task, PTRACE_MODE_ATTACH_FSCREDS);
	rcu_read_unlock();
	return may;
}
