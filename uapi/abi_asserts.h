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

#endif /* UF_ABI_ASSERTS_H */
