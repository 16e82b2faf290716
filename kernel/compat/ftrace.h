/* SPDX-License-Identifier: GPL-2.0-only */
/* ftrace: the registers that a callback gets, and direct calls. */
#ifndef UF_COMPAT_FTRACE_H
#define UF_COMPAT_FTRACE_H

#include <linux/ftrace.h>

#include "interfaces.h"

/* Both since 6.2. Before, the first had another name, and the x86 registers have the argument. */
#ifndef ftrace_regs_set_instruction_pointer
#define ftrace_regs_set_instruction_pointer(fregs, ip) ftrace_instruction_pointer_set(fregs, ip)
#endif
#ifndef ftrace_regs_get_argument
#define ftrace_regs_get_argument(fregs, n) regs_get_kernel_argument(&(fregs)->regs, n)
#endif

/*
 * Have all functions in the filter of @ops call @stub directly. Before 6.4 the function has a
 * longer name, and when it fails, it leaves values in @ops with which a second try would fail too.
 */
static inline int uf_compat_register_direct(struct ftrace_ops *ops, unsigned long stub)
{
#if UF_HAS_FTRACE_DIRECT_OPS
	return register_ftrace_direct(ops, stub);
#else
	int err = register_ftrace_direct_multi(ops, stub);

	if (err) {
		ops->func = NULL;
		ops->trampoline = 0;
	}
	return err;
#endif
}

/* Undo that. @ops keeps its filter. */
static inline int uf_compat_unregister_direct(struct ftrace_ops *ops, unsigned long stub)
{
#if UF_HAS_FTRACE_DIRECT_OPS
	return unregister_ftrace_direct(ops, stub, false);
#else
	return unregister_ftrace_direct_multi(ops, stub);
#endif
}

#endif /* UF_COMPAT_FTRACE_H */
