/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stubs that ftrace's direct calls lead to. A stub decides whether a call of one of mm's
 * functions may be for a context.
 *
 * The function's first instruction calls the stub. On the stack, the return address to the
 * function's caller lies above the stub's own return address, and all registers that carry
 * arguments are in use. The stub looks for a context where calls of its kind have one. If there is
 * none, the stub returns, and the function runs. Otherwise uf_hook_ask lets uf_hook_choose()
 * decide. To divert the call, uf_hook_ask replaces the stub's return address by the address of the
 * function to run. Like ftrace, it enters that function by a return: so the function needs no
 * ENDBR, and the CPU's return stack stays in step.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>

#include "hook_offsets.h"

/* Call depth tracking doesn't count ftrace's calls at the call site, so the stub counts them. */
.macro UF_HOOK_ENTER
	ANNOTATE_NOENDBR	/* a call that ftrace patches in is a direct one */
#ifdef CONFIG_CALL_DEPTH_TRACKING
	CALL_DEPTH_ACCOUNT
#endif
.endm

	.text

/* Builds the frame of a function that keeps %rbp, so that every unwinder understands it. */
SYM_FUNC_START_LOCAL(uf_hook_ask)
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%r9
	pushq	%r8
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi

	movq	%rsp, %rdi		/* the arguments */
	movq	8(%rbp), %rsi
	subq	$UF_FTRACE_CALL_SIZE, %rsi	/* the location */
	call	uf_hook_choose

	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%r8
	popq	%r9
	testq	%rax, %rax
	jz	1f
	movq	%rax, 8(%rbp)
1:	popq	%rbp
	RET
SYM_FUNC_END(uf_hook_ask)

/* The first argument is a VMA. */
SYM_FUNC_START(uf_hook_stub_vma)
	UF_HOOK_ENTER
	cmpq	$0, UF_VMA_CTX(%rdi)
	jne	uf_hook_ask
	RET
SYM_FUNC_END(uf_hook_stub_vma)

/* The first argument is a pointer to a pointer to a VMA. */
SYM_FUNC_START(uf_hook_stub_vma_pointer)
	UF_HOOK_ENTER
	movq	(%rdi), %rax
	cmpq	$0, UF_VMA_CTX(%rax)
	jne	uf_hook_ask
	RET
SYM_FUNC_END(uf_hook_stub_vma_pointer)

/*
 * The first argument is a pointer to a pointer to a context, which may be NULL; or it is a list,
 * which may be empty.
 */
SYM_FUNC_START(uf_hook_stub_pointer)
	UF_HOOK_ENTER
	movq	(%rdi), %rax
	testq	%rax, %rax
	jz	1f
	cmpq	%rax, %rdi
	jne	uf_hook_ask
1:	RET
SYM_FUNC_END(uf_hook_stub_pointer)

/* The second argument is a list, which may be empty. */
SYM_FUNC_START(uf_hook_stub_second_list)
	UF_HOOK_ENTER
	cmpq	%rsi, (%rsi)
	jne	uf_hook_ask
	RET
SYM_FUNC_END(uf_hook_stub_second_list)

#ifdef UF_UNMAP_WATCH_SHIFT
/* The first argument is an mm. Checks what uf_compat_unmap_watched() checks. */
SYM_FUNC_START(uf_hook_stub_mm)
	UF_HOOK_ENTER
	movabsq	$UF_UNMAP_WATCH_FACTOR, %rax
	imulq	%rdi, %rax
	shrq	$UF_UNMAP_WATCH_SHIFT, %rax
	leaq	uf_unmap_watch(%rip), %r11
	cmpl	$0, (%r11, %rax, 4)
	jne	uf_hook_ask
	RET
SYM_FUNC_END(uf_hook_stub_mm)
#endif

/* For any kind of function that isn't called often: always asks. */
SYM_FUNC_START(uf_hook_stub_ask)
	UF_HOOK_ENTER
	jmp	uf_hook_ask
SYM_FUNC_END(uf_hook_stub_ask)
