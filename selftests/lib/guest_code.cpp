// SPDX-License-Identifier: GPL-2.0-only
#include "lib/guest_code.hpp"

#include <asm/kvm_para.h>

/* The assembler can't read the headers that these constants are from. */
static_assert(selftests::said_done == 0 && selftests::said_absent == 1 &&
	      selftests::said_ready == 2);
static_assert(selftests::guest_async == 0x2800);
static_assert(offsetof(kvm_vcpu_pv_apf_data, flags) == 0 &&
	      offsetof(kvm_vcpu_pv_apf_data, token) == 4);
static_assert(MSR_KVM_ASYNC_PF_ACK == 0x4b564d07);

asm(R"(
	.pushsection .rodata
	.globl guest_code, guest_code_end, guest_nothing, guest_read, guest_write, guest_count, guest_jump
	.globl guest_answer, guest_print, guest_absent, guest_ready
guest_code:

guest_nothing:
	out %al, $0

guest_read:
	mov (%rdi), %rax
	out %al, $0

guest_write:
	mov %rsi, (%rdi)
	mov %rsi, %rax
	out %al, $0

guest_count:
	incq (%rdi)
	jmp guest_count

guest_jump:
	jmp *%rdi

guest_answer:
	mov $42, %eax
	out %al, $0

guest_print:
	mov %rdi, %rsi
	xor %edx, %edx
	outsb

	# A page fault. It waits here until guest_ready has run, then takes the error code off the stack
	# and makes the access again.
guest_absent:
	mov %cr2, %rax
	movl $0, 0x2800
	out %al, $1
	sti
guest_halt:
	hlt
	add $8, %rsp
	iretq

	# An interrupt. It has to tell KVM that there may be another one, and that KVM may use it. No
	# interrupt comes between "sti" and the instruction after it, on a processor; but QEMU's forgets
	# that if it leaves the guest there. Nothing would end the halt then: it is left out.
guest_ready:
	mov 0x2804, %eax
	out %al, $2
	lea guest_halt(%rip), %rcx
	cmp %rcx, (%rsp)
	jne 1f
	incq (%rsp)
1:
	movl $0, 0x2804
	xor %edx, %edx
	xor %eax, %eax
	mov $0x80b, %ecx
	wrmsr
	mov $1, %eax
	mov $0x4b564d07, %ecx
	wrmsr
	iretq

guest_code_end:
	.popsection
)");
