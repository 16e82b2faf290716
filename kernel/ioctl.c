// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands: one table, one handler each.
 *
 * uf_ioctl() finds the command's row and copies its argument in, once. A handler checks every
 * field before it acts, in upstream's order, so that a wrong call gets upstream's error. ioctl(2)
 * returns what the handler returns, with EAGAIN for UF_PARTLY.
 */
#include <linux/userfault.h>

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "compat/offer.h"
#include "ctx.h"
#include "fill.h"
#include "ioctl.h"
#include "move.h"
#include "protect.h"
#include "range.h"
#include "region.h"

union uf_ioctl_arg {
	struct uffdio_api api;
	struct uffdio_register reg;
	struct uffdio_range range;
	struct uffdio_copy copy;
	struct uffdio_zeropage zeropage;
	struct uffdio_writeprotect writeprotect;
	struct uffdio_continue cont;
	struct uffdio_poison poison;
	struct uffdio_move move;
	struct uffdio_rwprotect rwprotect;
	struct uffdio_set_mode set_mode;
};

struct uf_ioctl {
	unsigned int cmd;
	size_t in;		/* bytes read from the caller; fields after them are only written */
	bool before_api;	/* may come before the handshake */
	bool pages;		/* waits, or fails, while mappings are changing */
	long (*handle)(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user);
};

/* Check a range of the context's address space. */
static int uf_ctx_range_check(struct uf_ctx *ctx, u64 start, u64 len)
{
	return uf_range_check(start, len, ctx->view.mm->task_size);
}

static_assert(UF_FEATURES <= U32_MAX);	/* view.features, which mm reads too, has no more bits */

static int uf_api_check(const struct uffdio_api *api)
{
	if (api->api != UFFD_API)
		return -EINVAL;
	if ((api->features & UFFD_FEATURE_EVENT_FORK) && !capable(CAP_SYS_PTRACE))
		return -EPERM;
	if (api->features & ~(u64)UF_FEATURES)
		return -EINVAL;
	if (api->features & UFFD_FEATURE_RWP_ASYNC && !(api->features & UFFD_FEATURE_RWP))
		return -EINVAL;
	return 0;
}

/*
 * The caller gets the answer before the features are set: after EFAULT the handshake can still be
 * made.
 */
static long uf_ioctl_api(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	unsigned int features = arg->api.features | UF_FEATURE_INITIALIZED;
	struct uffdio_api *answer = &arg->api;
	int err;

	err = uf_api_check(&arg->api);
	if (err)
		goto refuse;
	answer->features = UF_FEATURES;
	answer->ioctls = UF_API_IOCTLS;
	if (features & UFFD_FEATURE_WP_ASYNC)	/* as upstream: WP_ASYNC implies it */
		features |= UFFD_FEATURE_WP_UNPOPULATED;
	if (copy_to_user(user, answer, sizeof(*answer)))
		return -EFAULT;
	err = -EINVAL;
	if (cmpxchg(&ctx->view.features, 0, features))
		goto refuse;
	return 0;

refuse:
	return clear_user(user, sizeof(*answer)) ? -EFAULT : err;
}

/*
 * The VM_UFFD_* flags for the modes of a registration. -EINVAL: no mode, one that this context
 * can't use, or both WP and RWP, which would share one bit of page-table entries.
 */
static int uf_register_flags(const struct uf_ctx *ctx, u64 mode, unsigned long *vm_flags)
{
	const u64 rwp_mode = UF_OFFERS_RWP ? UFFDIO_REGISTER_MODE_RWP : 0;
	bool rwp = mode & rwp_mode;

	if (!mode || mode & ~(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP |
			      UFFDIO_REGISTER_MODE_MINOR | rwp_mode))
		return -EINVAL;
	if (rwp && !(READ_ONCE(ctx->view.features) & UFFD_FEATURE_RWP))
		return -EINVAL;
	if (rwp && mode & UFFDIO_REGISTER_MODE_WP)
		return -EINVAL;

	*vm_flags = 0;
	if (mode & UFFDIO_REGISTER_MODE_MISSING)
		*vm_flags |= VM_UFFD_MISSING;
	if (mode & UFFDIO_REGISTER_MODE_WP)
		*vm_flags |= VM_UFFD_WP;
	if (mode & UFFDIO_REGISTER_MODE_MINOR)
		*vm_flags |= VM_UFFD_MINOR;
	if (rwp)
		*vm_flags |= VM_UFFD_RWP;
	return 0;
}

/*
 * The commands to name for memory with these flags; @huge: some of it is hugetlb memory. A program
 * as old as this kernel may refuse an answer with commands that it doesn't know. So the answer
 * names those that native userfaultfd has, until the program has asked for a newer feature.
 */
static u64 uf_register_ioctls(const struct uf_ctx *ctx, unsigned long vm_flags, bool huge)
{
	u64 ioctls = huge ? UF_RANGE_IOCTLS & UFFD_API_RANGE_IOCTLS_BASIC : UF_RANGE_IOCTLS;

	if (!(ctx->view.features & UF_COMPAT_NEWER_FEATURES))
		ioctls &= ~UF_COMPAT_NEWER_IOCTLS;
	if (!(vm_flags & VM_UFFD_WP))
		ioctls &= ~BIT_ULL(_UFFDIO_WRITEPROTECT);
	if (!(vm_flags & VM_UFFD_MINOR))
		ioctls &= ~BIT_ULL(_UFFDIO_CONTINUE);
	if (!(vm_flags & VM_UFFD_RWP))
		ioctls &= ~BIT_ULL(_UFFDIO_RWPROTECT);
	return ioctls;
}

static long uf_ioctl_register(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	struct uffdio_register *reg = &arg->reg;
	struct uffdio_register __user *user_reg = user;
	unsigned long vm_flags;
	bool huge;
	int err;

	err = uf_register_flags(ctx, reg->mode, &vm_flags);
	if (err)
		return err;
	err = uf_ctx_range_check(ctx, reg->range.start, reg->range.len) ?:
	      uf_counters_prepare(&ctx->counters);
	if (err)
		return err;

	if (!mmget_not_zero(ctx->view.mm))
		return -ENOMEM;
	err = uf_region_register(ctx, reg->range.start, reg->range.start + reg->range.len,
				 vm_flags, &huge);
	mmput(ctx->view.mm);
	if (err)
		return err;
	uf_count_bytes(&ctx->counters, _UFFDIO_REGISTER, reg->range.len);
	if (reg->mode & ~atomic64_read(&ctx->modes))
		atomic64_or(reg->mode, &ctx->modes);
	return put_user(uf_register_ioctls(ctx, vm_flags, huge), &user_reg->ioctls);
}

static long uf_ioctl_unregister(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	struct uffdio_range *range = &arg->range;
	int err;

	err = uf_ctx_range_check(ctx, range->start, range->len);
	if (err)
		return err;

	if (!mmget_not_zero(ctx->view.mm))
		return -ENOMEM;
	err = uf_region_unregister(ctx, range->start, range->start + range->len);
	mmput(ctx->view.mm);
	if (!err)
		uf_count_bytes(&ctx->counters, _UFFDIO_UNREGISTER, range->len);
	return err;
}

static long uf_ioctl_wake(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	struct uffdio_range *range = &arg->range;
	int err;

	err = uf_ctx_range_check(ctx, range->start, range->len);
	if (err)
		return err;

	uf_ctx_wake(ctx, range->start, range->len);
	return 0;
}

/* Nothing was done. What failed writes its errno as the result, too; unless the process is gone. */
static noinline long uf_ioctl_not_done(long err, __s64 __user *result)
{
	if (err == -ESRCH)
		return err;
	if (put_user(err, result))
		return -EFAULT;
	return err ?: -EAGAIN;
}

/*
 * Wake the waiters for the pages that are done, then write the result. In this order, because a
 * caller that doesn't get the result doesn't know which pages to wake itself.
 */
static __always_inline long uf_ioctl_done(struct uf_ctx *ctx, unsigned int command,
					  unsigned long dst, unsigned long len, long done,
					  bool wake, __s64 __user *result)
{
	if (unlikely(done <= 0))
		return uf_ioctl_not_done(done, result);
	uf_count_bytes(&ctx->counters, command, done);
	if (wake)
		uf_ctx_wake(ctx, dst, done);
	if (put_user(done, result))
		return -EFAULT;
	return done == len ? 0 : UF_PARTLY;
}

static __always_inline long uf_ioctl_fill(struct uf_ctx *ctx, unsigned int command,
					  struct uf_fill fill, bool wake, __s64 __user *result)
{
	long done;

	if (likely(ctx->view.mm == current->mm))
		done = uf_fill(ctx, fill);
	else
		done = uf_fill_foreign(ctx, fill);
	trace_fill(ctx->id, command, fill.dst, fill.len, done);
	return uf_ioctl_done(ctx, command, fill.dst, fill.len, done, wake, result);
}

static long uf_ioctl_copy(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	struct uffdio_copy *copy = &arg->copy;
	struct uffdio_copy __user *user_copy = user;
	struct uf_fill fill = {
		.source = UF_FILL_COPY,
		.dst = copy->dst,
		.src = copy->src,
		.len = copy->len,
	};
	int err;

	/*
	 * The source is in the caller's address space, which may be larger or smaller than the
	 * context's.
	 */
	err = uf_range_check_unaligned(copy->src, copy->len, current->mm->task_size);
	if (err)
		return err;
	err = uf_ctx_range_check(ctx, copy->dst, copy->len);
	if (err)
		return err;
	if (copy->mode & ~(UFFDIO_COPY_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP))
		return -EINVAL;
	fill.wp = copy->mode & UFFDIO_COPY_MODE_WP;

	return uf_ioctl_fill(ctx, _UFFDIO_COPY, fill,
			     !(copy->mode & UFFDIO_COPY_MODE_DONTWAKE), &user_copy->copy);
}

static long uf_ioctl_zeropage(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	struct uffdio_zeropage *zero = &arg->zeropage;
	struct uffdio_zeropage __user *user_zero = user;
	struct uf_fill fill = {
		.source = UF_FILL_ZERO,
		.dst = zero->range.start,
		.len = zero->range.len,
	};
	int err;

	err = uf_ctx_range_check(ctx, zero->range.start, zero->range.len);
	if (err)
		return err;
	if (zero->mode & ~UFFDIO_ZEROPAGE_MODE_DONTWAKE)
		return -EINVAL;

	return uf_ioctl_fill(ctx, _UFFDIO_ZEROPAGE, fill,
			     !(zero->mode & UFFDIO_ZEROPAGE_MODE_DONTWAKE), &user_zero->zeropage);
}

/* Both commands that protect have the same modes. */
static_assert(UFFDIO_RWPROTECT_MODE_RWP == UFFDIO_WRITEPROTECT_MODE_WP);
static_assert(UFFDIO_RWPROTECT_MODE_DONTWAKE == UFFDIO_WRITEPROTECT_MODE_DONTWAKE);

/*
 * @mode is the command's mode; @what is VM_UFFD_WP or VM_UFFD_RWP, as for uf_protect(). A caller
 * that is killed may have unprotected some pages, and another process may go on using the context:
 * so their waiters are woken. After other errors nothing is unprotected.
 */
static __always_inline long uf_ioctl_protect(struct uf_ctx *ctx, unsigned int command,
					     const struct uffdio_range *range, u64 mode,
					     unsigned long what)
{
	bool protect = mode & UFFDIO_WRITEPROTECT_MODE_WP;
	int err;

	err = uf_ctx_range_check(ctx, range->start, range->len);
	if (err)
		return err;
	if (mode & ~(UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE))
		return -EINVAL;
	if (protect && mode & UFFDIO_WRITEPROTECT_MODE_DONTWAKE)
		return -EINVAL;

	if (!mmget_not_zero(ctx->view.mm))
		return -ESRCH;
	err = uf_protect(ctx, range->start, range->len, what, protect);
	mmput(ctx->view.mm);
	trace_protect(ctx->id, command, range->start, range->len, protect, err);
	if ((!err || err == -EINTR) && !mode)	/* neither protecting nor DONTWAKE */
		uf_ctx_wake(ctx, range->start, range->len);
	if (!err)
		uf_count_bytes(&ctx->counters, command, range->len);
	return err;
}

static long uf_ioctl_writeprotect(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	return uf_ioctl_protect(ctx, _UFFDIO_WRITEPROTECT, &arg->writeprotect.range,
				arg->writeprotect.mode, VM_UFFD_WP);
}

static long uf_ioctl_rwprotect(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	return uf_ioctl_protect(ctx, _UFFDIO_RWPROTECT, &arg->rwprotect.range,
				arg->rwprotect.mode, VM_UFFD_RWP);
}

/* As upstream, also wakes threads that wait for another reason than read-write protection. */
static long uf_ioctl_set_mode(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	u64 enable = arg->set_mode.enable, disable = arg->set_mode.disable;

	if (enable & disable || (enable | disable) & ~(u64)UFFD_FEATURE_RWP_ASYNC)
		return -EINVAL;
	if (enable && !(READ_ONCE(ctx->view.features) & UFFD_FEATURE_RWP))
		return -EINVAL;

	if (!mmget_not_zero(ctx->view.mm))
		return -ESRCH;
	uf_region_set_features(ctx, enable, disable);
	mmput(ctx->view.mm);
	if (enable)
		uf_ctx_wake_all(ctx);
	return 0;
}

static long uf_ioctl_continue(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	struct uffdio_continue *cont = &arg->cont;
	struct uffdio_continue __user *user_cont = user;
	struct uf_fill fill = {
		.source = UF_FILL_CONTINUE,
		.dst = cont->range.start,
		.len = cont->range.len,
	};
	int err;

	err = uf_ctx_range_check(ctx, cont->range.start, cont->range.len);
	if (err)
		return err;
	if (cont->mode & ~(UFFDIO_CONTINUE_MODE_DONTWAKE | UFFDIO_CONTINUE_MODE_WP))
		return -EINVAL;
	fill.wp = cont->mode & UFFDIO_CONTINUE_MODE_WP;

	return uf_ioctl_fill(ctx, _UFFDIO_CONTINUE, fill,
			     !(cont->mode & UFFDIO_CONTINUE_MODE_DONTWAKE), &user_cont->mapped);
}

static long uf_ioctl_poison(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	struct uffdio_poison *poison = &arg->poison;
	struct uffdio_poison __user *user_poison = user;
	struct uf_fill fill = {
		.source = UF_FILL_POISON,
		.dst = poison->range.start,
		.len = poison->range.len,
	};
	int err;

	err = uf_ctx_range_check(ctx, poison->range.start, poison->range.len);
	if (err)
		return err;
	if (poison->mode & ~UFFDIO_POISON_MODE_DONTWAKE)
		return -EINVAL;

	return uf_ioctl_fill(ctx, _UFFDIO_POISON, fill,
			     !(poison->mode & UFFDIO_POISON_MODE_DONTWAKE), &user_poison->updated);
}

static long uf_ioctl_move(struct uf_ctx *ctx, union uf_ioctl_arg *arg, void __user *user)
{
	struct uffdio_move *args = &arg->move;
	struct uffdio_move __user *user_move = user;
	struct uf_move move = {
		.dst = args->dst,
		.src = args->src,
		.len = args->len,
		.holes = args->mode & UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
		.wake_source = !(args->mode & UFFDIO_MOVE_MODE_DONTWAKE),
	};
	long done;
	int err;

	if (ctx->view.mm != current->mm)
		return -EINVAL;
	err = uf_ctx_range_check(ctx, args->dst, args->len);
	if (err)
		return err;
	err = uf_ctx_range_check(ctx, args->src, args->len);
	if (err)
		return err;
	if (args->mode & ~(UFFDIO_MOVE_MODE_DONTWAKE | UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES))
		return -EINVAL;

	done = uf_move(ctx, &move);
	trace_move(ctx->id, args->dst, args->src, args->len, done);
	return uf_ioctl_done(ctx, _UFFDIO_MOVE, args->dst, args->len, done,
			     !(args->mode & UFFDIO_MOVE_MODE_DONTWAKE), &user_move->move);
}

/* Indexed by the command's number, which is its low byte. */
static const struct uf_ioctl uf_ioctls[] = {
	[_UFFDIO_REGISTER] = {
		.cmd = UFFDIO_REGISTER,
		.in = offsetof(struct uffdio_register, ioctls),
		.handle = uf_ioctl_register,
	},
	[_UFFDIO_UNREGISTER] = {
		.cmd = UFFDIO_UNREGISTER,
		.in = sizeof(struct uffdio_range),
		.handle = uf_ioctl_unregister,
	},
	[_UFFDIO_WAKE] = {
		.cmd = UFFDIO_WAKE,
		.in = sizeof(struct uffdio_range),
		.handle = uf_ioctl_wake,
	},
	[_UFFDIO_COPY] = {
		.cmd = UFFDIO_COPY,
		.in = offsetof(struct uffdio_copy, copy),
		.pages = true,
		.handle = uf_ioctl_copy,
	},
	[_UFFDIO_ZEROPAGE] = {
		.cmd = UFFDIO_ZEROPAGE,
		.in = offsetof(struct uffdio_zeropage, zeropage),
		.pages = true,
		.handle = uf_ioctl_zeropage,
	},
	[_UFFDIO_WRITEPROTECT] = {
		.cmd = UFFDIO_WRITEPROTECT,
		.in = sizeof(struct uffdio_writeprotect),
		.pages = true,
		.handle = uf_ioctl_writeprotect,
	},
	[_UFFDIO_CONTINUE] = {
		.cmd = UFFDIO_CONTINUE,
		.in = offsetof(struct uffdio_continue, mapped),
		.pages = true,
		.handle = uf_ioctl_continue,
	},
	/* Without poison, or read-write protection, in mm .cmd is 0, which no call matches here. */
	[_UFFDIO_POISON] = {
		.cmd = UF_OFFERS_POISON ? UFFDIO_POISON : 0,
		.in = offsetof(struct uffdio_poison, updated),
		.pages = true,
		.handle = uf_ioctl_poison,
	},
	[_UFFDIO_MOVE] = {
		.cmd = UFFDIO_MOVE,
		.in = offsetof(struct uffdio_move, move),
		.pages = true,
		.handle = uf_ioctl_move,
	},
	[_UFFDIO_RWPROTECT] = {
		.cmd = UF_OFFERS_RWP ? UFFDIO_RWPROTECT : 0,
		.in = sizeof(struct uffdio_rwprotect),
		.pages = true,
		.handle = uf_ioctl_rwprotect,
	},
	[_UFFDIO_SET_MODE] = {
		.cmd = UF_OFFERS_RWP ? UFFDIO_SET_MODE : 0,
		.in = sizeof(struct uffdio_set_mode),
		.handle = uf_ioctl_set_mode,
	},
	[_UFFDIO_API] = {
		.cmd = UFFDIO_API,
		.in = sizeof(struct uffdio_api),
		.before_api = true,
		.handle = uf_ioctl_api,
	},
};

/*
 * copy_from_user() with constant sizes. With a size that the compiler doesn't know, hardened
 * usercopy looks for the object around @in, which takes longer than the copy. Returns the number
 * of bytes that could not be read.
 */
static unsigned long uf_ioctl_copy_in(union uf_ioctl_arg *in, const void __user *user, size_t size)
{
	switch (size) {
	case sizeof(struct uffdio_range):
		return copy_from_user(in, user, sizeof(struct uffdio_range));
	case offsetof(struct uffdio_register, ioctls):
		return copy_from_user(in, user, offsetof(struct uffdio_register, ioctls));
	case offsetof(struct uffdio_copy, copy):
		return copy_from_user(in, user, offsetof(struct uffdio_copy, copy));
	}
	return copy_from_user(in, user, size);
}

/*
 * Mappings are changing: wait until they no longer are, or return an error. As upstream, before
 * the argument is checked. If the command has a result, it comes after the bytes that are copied
 * in.
 */
static noinline long uf_ioctl_await_changes(struct uf_ctx *ctx, const struct uf_ioctl *row,
					    void __user *user)
{
	__s64 __user *result = user + row->in;
	long err = uf_changes_await(&ctx->changes, &ctx->events);

	if (err && row->in < _IOC_SIZE(row->cmd) && put_user(err, result))
		return -EFAULT;
	return err;
}

/* Returns what the handler returns, which may be UF_PARTLY. */
static __always_inline long uf_ioctl_run(struct uf_ctx *ctx, const struct uf_ioctl *row,
					 void __user *user)
{
	union uf_ioctl_arg in __uninitialized;	/* handlers read only what was copied in */
	long err;

	if (unlikely(!uf_ctx_initialized(ctx) && !row->before_api))
		return -EINVAL;
	if (unlikely(row->pages && uf_ctx_changing(ctx))) {
		err = uf_ioctl_await_changes(ctx, row, user);
		if (err)
			return err;
	}
	if (unlikely(uf_ioctl_copy_in(&in, user, row->in)))
		return -EFAULT;
	return row->handle(ctx, &in, user);
}

long uf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct uf_ctx *ctx = file->private_data;
	const struct uf_ioctl *row;
	unsigned int nr;

	nr = array_index_nospec(_IOC_NR(cmd), ARRAY_SIZE(uf_ioctls));
	row = uf_ioctls + nr;
	if (unlikely(row->cmd != cmd))	/* an empty row has 0, which never matches */
		return -EINVAL;
	return uf_count_command(&ctx->counters, uf_command_of(nr),
				uf_ioctl_run(ctx, row, (void __user *)arg));
}

/* Check that each offered command has a row, in its place, and that no other command has one. */
int uf_ioctl_table_check(void)
{
	int nr;

	for (nr = 0; nr < 64; nr++) {
		const struct uf_ioctl *row = nr < ARRAY_SIZE(uf_ioctls) ? &uf_ioctls[nr] : NULL;
		bool offered = (UF_API_IOCTLS | UF_RANGE_IOCTLS) & BIT_ULL(nr);
		bool there = row && row->handle && _IOC_NR(row->cmd) == nr &&
			     row->in <= sizeof(union uf_ioctl_arg);

		if (offered != there) {
			pr_err("the table of commands is wrong at number %#x\n", nr);
			return -EINVAL;
		}
	}
	return 0;
}
