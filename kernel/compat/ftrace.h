/* SPDX-License-Identifier: GPL-2.0-only */
/* The registers that an ftrace callback is given. */
#ifndef UF_COMPAT_FTRACE_H
#define UF_COMPAT_FTRACE_H

#include <linux/ftrace.h>

/* Since 6.2; before, ftrace_instruction_pointer_set() and the x86 register by name. */
#ifndef ftrace_regs_set_instruction_pointer
#define ftrace_regs_set_instruction_pointer(fregs, ip) ftrace_instruction_pointer_set(fregs, ip)
#endif
#ifndef ftrace_regs_get_argument
#define ftrace_regs_get_argument(fregs, n) regs_get_kernel_argument(&(fregs)->regs, n)
#endif

#endif /* UF_COMPAT_FTRACE_H */
