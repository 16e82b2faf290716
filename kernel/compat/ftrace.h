/* SPDX-License-Identifier: GPL-2.0-only */
/* The registers that an ftrace callback is given, and direct calls. */
#ifndef UF_COMPAT_FTRACE_H
#define UF_COMPAT_FTRACE_H

#include <linux/ftrace.h>

#include "interfaces.h"

/* Since 6.2; before, ftrace_instruction_pointer_set() and the x86 register by name. */
#ifndef ftrace_regs_set_instruction_pointer
#define ftrace_regs_set_instruction_pointer(fregs, ip) ftrace_instruction_pointer_set(fregs, ip)
#endif
#ifndef ftrace_regs_get_argument
#define ftrace_regs_get_argument(fregs, n) regs_get_kernel_argument(&(fregs)->regs, n)
#endif

/*
 * Of all functions that @ops filters, to @stub. Before 6.4 by a longer name, and a failure left
 * something in @ops that kept it from being tried again.
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

/* @ops keeps its filter. */
static inline int uf_compat_unregister_direct(struct ftrace_ops *ops, unsigned long stub)
{
#if UF_HAS_FTRACE_DIRECT_OPS
	return unregister_ftrace_direct(ops, stub, false);
#else
	return unregister_ftrace_direct_multi(ops, stub);
#endif
}

#endif /* UF_COMPAT_FTRACE_H */
