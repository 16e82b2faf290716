/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stubs that ftrace's direct calls lead to: whether a call of a function of mm's may be for
 * somebody.
 *
 * A stub is called by the first instruction of the function: above its own return address is that
 * of the function's caller, and all registers that carry arguments are in use. It looks for a
 * context where calls of its kind have one. If there is none, it returns, and the function runs.
 * Else uf_hook_ask has uf_hook_choose() decide; it diverts the call by putting the function to run
 * where its own return address was. That is entered by a return, as ftrace does it: so it needs no
 * ENDBR, and the processor's stack of return addresses stays in step.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>

#include "hook_offsets.h"

/* A call that ftrace makes isn't counted where it is made. */
.macro UF_HOOK_ENTER
	ANNOTATE_NOENDBR	/* a call that ftrace patches in is a direct one */
#ifdef CONFIG_CALL_DEPTH_TRACKING
	CALL_DEPTH_ACCOUNT
#endif
.endm

	.text

/* The frame is that of a function that keeps %rbp, for all unwinders. */
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

/* It is a pointer to a pointer to a VMA. */
SYM_FUNC_START(uf_hook_stub_vma_pointer)
	UF_HOOK_ENTER
	movq	(%rdi), %rax
	cmpq	$0, UF_VMA_CTX(%rax)
	jne	uf_hook_ask
	RET
SYM_FUNC_END(uf_hook_stub_vma_pointer)

/* It is a pointer to a pointer to a context, which may be NULL, or a list, which may be empty. */
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
/* The first argument is an mm; as uf_compat_unmap_watched(). */
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

/* For any kind: what isn't called often. */
SYM_FUNC_START(uf_hook_stub_ask)
	UF_HOOK_ENTER
	jmp	uf_hook_ask
SYM_FUNC_END(uf_hook_stub_ask)
