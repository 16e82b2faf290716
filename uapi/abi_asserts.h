/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The frozen ABI: the size of every structure, where each field lies and how wide it is, in bytes,
 * and the number of every command, as <linux/userfaultfd.h> has them in Linux 6.12 to 7.3. Asserts
 * are only ever added. The module, the library and 32-bit programs are compiled with this header;
 * it is not installed.
 */
#ifndef UF_ABI_ASSERTS_H
#define UF_ABI_ASSERTS_H

#include <linux/ioctl.h>
#include <linux/userfault.h>

#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif

#ifdef __cplusplus
#define UF_ABI_ASSERT(what) static_assert(what, #what)
#else
#define UF_ABI_ASSERT(what) _Static_assert(what, #what)
#endif
#define UF_ABI_SIZE(type, bytes) UF_ABI_ASSERT(sizeof(struct type) == (bytes))
#define UF_ABI_FIELD(type, field, at, bytes)				\
	UF_ABI_ASSERT(offsetof(struct type, field) == (at) &&		\
		      sizeof(((struct type *)0)->field) == (bytes))

UF_ABI_SIZE(uffdio_api, 24);
UF_ABI_FIELD(uffdio_api, api, 0, 8);
UF_ABI_FIELD(uffdio_api, features, 8, 8);
UF_ABI_FIELD(uffdio_api, ioctls, 16, 8);

UF_ABI_SIZE(uffdio_range, 16);
UF_ABI_FIELD(uffdio_range, start, 0, 8);
UF_ABI_FIELD(uffdio_range, len, 8, 8);

UF_ABI_SIZE(uffdio_register, 32);
UF_ABI_FIELD(uffdio_register, range, 0, 16);
UF_ABI_FIELD(uffdio_register, mode, 16, 8);
UF_ABI_FIELD(uffdio_register, ioctls, 24, 8);

UF_ABI_SIZE(uffdio_copy, 40);
UF_ABI_FIELD(uffdio_copy, dst, 0, 8);
UF_ABI_FIELD(uffdio_copy, src, 8, 8);
UF_ABI_FIELD(uffdio_copy, len, 16, 8);
UF_ABI_FIELD(uffdio_copy, mode, 24, 8);
UF_ABI_FIELD(uffdio_copy, copy, 32, 8);

UF_ABI_SIZE(uffdio_zeropage, 32);
UF_ABI_FIELD(uffdio_zeropage, range, 0, 16);
UF_ABI_FIELD(uffdio_zeropage, mode, 16, 8);
UF_ABI_FIELD(uffdio_zeropage, zeropage, 24, 8);

UF_ABI_SIZE(uffdio_writeprotect, 24);
UF_ABI_FIELD(uffdio_writeprotect, range, 0, 16);
UF_ABI_FIELD(uffdio_writeprotect, mode, 16, 8);

UF_ABI_SIZE(uffdio_rwprotect, 24);
UF_ABI_FIELD(uffdio_rwprotect, range, 0, 16);
UF_ABI_FIELD(uffdio_rwprotect, mode, 16, 8);

UF_ABI_SIZE(uffdio_set_mode, 16);
UF_ABI_FIELD(uffdio_set_mode, enable, 0, 8);
UF_ABI_FIELD(uffdio_set_mode, disable, 8, 8);

UF_ABI_SIZE(uffdio_continue, 32);
UF_ABI_FIELD(uffdio_continue, range, 0, 16);
UF_ABI_FIELD(uffdio_continue, mode, 16, 8);
UF_ABI_FIELD(uffdio_continue, mapped, 24, 8);

UF_ABI_SIZE(uffdio_poison, 32);
UF_ABI_FIELD(uffdio_poison, range, 0, 16);
UF_ABI_FIELD(uffdio_poison, mode, 16, 8);
UF_ABI_FIELD(uffdio_poison, updated, 24, 8);

UF_ABI_SIZE(uffdio_move, 40);
UF_ABI_FIELD(uffdio_move, dst, 0, 8);
UF_ABI_FIELD(uffdio_move, src, 8, 8);
UF_ABI_FIELD(uffdio_move, len, 16, 8);
UF_ABI_FIELD(uffdio_move, mode, 24, 8);
UF_ABI_FIELD(uffdio_move, move, 32, 8);

UF_ABI_SIZE(uffd_msg, 32);
UF_ABI_FIELD(uffd_msg, event, 0, 1);
UF_ABI_FIELD(uffd_msg, reserved1, 1, 1);
UF_ABI_FIELD(uffd_msg, reserved2, 2, 2);
UF_ABI_FIELD(uffd_msg, reserved3, 4, 4);
UF_ABI_FIELD(uffd_msg, arg, 8, 24);
UF_ABI_FIELD(uffd_msg, arg.pagefault.flags, 8, 8);
UF_ABI_FIELD(uffd_msg, arg.pagefault.address, 16, 8);
UF_ABI_FIELD(uffd_msg, arg.pagefault.feat.ptid, 24, 4);
UF_ABI_FIELD(uffd_msg, arg.fork.ufd, 8, 4);
UF_ABI_FIELD(uffd_msg, arg.remap.from, 8, 8);
UF_ABI_FIELD(uffd_msg, arg.remap.to, 16, 8);
UF_ABI_FIELD(uffd_msg, arg.remap.len, 24, 8);
UF_ABI_FIELD(uffd_msg, arg.remove.start, 8, 8);
UF_ABI_FIELD(uffd_msg, arg.remove.end, 16, 8);
UF_ABI_FIELD(uffd_msg, arg.reserved.reserved1, 8, 8);
UF_ABI_FIELD(uffd_msg, arg.reserved.reserved2, 16, 8);
UF_ABI_FIELD(uffd_msg, arg.reserved.reserved3, 24, 8);

UF_ABI_ASSERT(USERFAULTFD_IOC_NEW == 0xaa00);
UF_ABI_ASSERT(UFFDIO_API == 0xc018aa3f);
UF_ABI_ASSERT(UFFDIO_REGISTER == 0xc020aa00);
UF_ABI_ASSERT(UFFDIO_UNREGISTER == 0x8010aa01);
UF_ABI_ASSERT(UFFDIO_WAKE == 0x8010aa02);
UF_ABI_ASSERT(UFFDIO_COPY == 0xc028aa03);
UF_ABI_ASSERT(UFFDIO_ZEROPAGE == 0xc020aa04);
UF_ABI_ASSERT(UFFDIO_MOVE == 0xc028aa05);
UF_ABI_ASSERT(UFFDIO_WRITEPROTECT == 0xc018aa06);
UF_ABI_ASSERT(UFFDIO_CONTINUE == 0xc020aa07);
UF_ABI_ASSERT(UFFDIO_POISON == 0xc020aa08);
UF_ABI_ASSERT(UFFDIO_RWPROTECT == 0xc018aa09);
UF_ABI_ASSERT(UFFDIO_SET_MODE == 0x4010aa0a);

/* The netlink family. What is added later has larger numbers. */
UF_ABI_ASSERT(sizeof(USERFAULT_GENL_NAME) == sizeof("userfault"));
UF_ABI_ASSERT(USERFAULT_GENL_VERSION == 1);
UF_ABI_ASSERT(USERFAULT_CMD_CONTEXT_GET == 1);
UF_ABI_ASSERT(USERFAULT_CMD_REGION_GET == 2);
UF_ABI_ASSERT(USERFAULT_CMD_WAITER_GET == 3);
UF_ABI_ASSERT(USERFAULT_CMD_COUNTERS_GET == 4);
UF_ABI_ASSERT(USERFAULT_CMD_WAKE == 5);
UF_ABI_ASSERT(USERFAULT_MEMORY_ANON == 0);
UF_ABI_ASSERT(USERFAULT_MEMORY_SHMEM == 1);
UF_ABI_ASSERT(USERFAULT_MEMORY_HUGETLB == 2);
UF_ABI_ASSERT(USERFAULT_MEMORY_FILE == 3);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_ID == 2);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_TGID == 3);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_PID == 4);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_COMM == 5);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_UID == 6);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_FLAGS == 7);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_FEATURES == 8);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_MODES == 9);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_AGE == 10);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_PENDING == 11);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_WAITING == 12);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_EVENTS == 13);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_OLDEST_PENDING == 14);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_OLDEST_WAITING == 15);
UF_ABI_ASSERT(USERFAULT_A_CONTEXT_OLDEST_EVENT == 16);
UF_ABI_ASSERT(USERFAULT_A_REGION_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_REGION_CONTEXT == 2);
UF_ABI_ASSERT(USERFAULT_A_REGION_START == 3);
UF_ABI_ASSERT(USERFAULT_A_REGION_LENGTH == 4);
UF_ABI_ASSERT(USERFAULT_A_REGION_MODES == 5);
UF_ABI_ASSERT(USERFAULT_A_REGION_MEMORY == 6);
UF_ABI_ASSERT(USERFAULT_A_WAITER_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_WAITER_CONTEXT == 2);
UF_ABI_ASSERT(USERFAULT_A_WAITER_TID == 3);
UF_ABI_ASSERT(USERFAULT_A_WAITER_ADDRESS == 4);
UF_ABI_ASSERT(USERFAULT_A_WAITER_FLAGS == 5);
UF_ABI_ASSERT(USERFAULT_A_WAITER_AGE == 6);
UF_ABI_ASSERT(USERFAULT_A_WAITER_TOLD == 7);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_CONTEXT == 2);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_FAULTS == 3);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_WOKEN == 4);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_RETRIED == 5);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_INTERRUPTED == 6);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_SIGBUS == 7);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_MESSAGES == 8);
UF_ABI_ASSERT(USERFAULT_A_COUNTERS_COMMANDS == 9);
UF_ABI_ASSERT(USERFAULT_A_FAULTS_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_FAULTS_MODE == 2);
UF_ABI_ASSERT(USERFAULT_A_FAULTS_MEMORY == 3);
UF_ABI_ASSERT(USERFAULT_A_FAULTS_WRITE == 4);
UF_ABI_ASSERT(USERFAULT_A_FAULTS_KERNEL == 5);
UF_ABI_ASSERT(USERFAULT_A_FAULTS_COUNT == 6);
UF_ABI_ASSERT(USERFAULT_A_MESSAGES_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_MESSAGES_EVENT == 2);
UF_ABI_ASSERT(USERFAULT_A_MESSAGES_COUNT == 3);
UF_ABI_ASSERT(USERFAULT_A_COMMANDS_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_COMMANDS_NUMBER == 2);
UF_ABI_ASSERT(USERFAULT_A_COMMANDS_DONE == 3);
UF_ABI_ASSERT(USERFAULT_A_COMMANDS_PARTLY == 4);
UF_ABI_ASSERT(USERFAULT_A_COMMANDS_BYTES == 5);
UF_ABI_ASSERT(USERFAULT_A_COMMANDS_ERRORS == 6);
UF_ABI_ASSERT(USERFAULT_A_ERRORS_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_ERRORS_ERRNO == 2);
UF_ABI_ASSERT(USERFAULT_A_ERRORS_COUNT == 3);
UF_ABI_ASSERT(USERFAULT_A_WAKE_PAD == 1);
UF_ABI_ASSERT(USERFAULT_A_WAKE_CONTEXT == 2);
UF_ABI_ASSERT(USERFAULT_A_WAKE_ADDRESS == 3);

#endif /* UF_ABI_ASSERTS_H */
