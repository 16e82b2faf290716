/* SPDX-License-Identifier: MIT */
#include <cstddef>
#include <sys/ioctl.h>

#include <linux/userfault.h>

/*
 * The ABI as it is frozen: where each field lies and how wide it is, in bytes, and the number of
 * each command. Only ever added to.
 */

#define SIZE(type, bytes) static_assert(sizeof(type) == (bytes))
#define FIELD(type, field, at, bytes)                                                              \
	static_assert(offsetof(type, field) == (at) && sizeof(type{}.field) == (bytes))

SIZE(uffdio_api, 24);
FIELD(uffdio_api, api, 0, 8);
FIELD(uffdio_api, features, 8, 8);
FIELD(uffdio_api, ioctls, 16, 8);

SIZE(uffdio_range, 16);
FIELD(uffdio_range, start, 0, 8);
FIELD(uffdio_range, len, 8, 8);

SIZE(uffdio_register, 32);
FIELD(uffdio_register, range, 0, 16);
FIELD(uffdio_register, mode, 16, 8);
FIELD(uffdio_register, ioctls, 24, 8);

SIZE(uffdio_copy, 40);
FIELD(uffdio_copy, dst, 0, 8);
FIELD(uffdio_copy, src, 8, 8);
FIELD(uffdio_copy, len, 16, 8);
FIELD(uffdio_copy, mode, 24, 8);
FIELD(uffdio_copy, copy, 32, 8);

SIZE(uffdio_zeropage, 32);
FIELD(uffdio_zeropage, range, 0, 16);
FIELD(uffdio_zeropage, mode, 16, 8);
FIELD(uffdio_zeropage, zeropage, 24, 8);

SIZE(uffdio_writeprotect, 24);
FIELD(uffdio_writeprotect, range, 0, 16);
FIELD(uffdio_writeprotect, mode, 16, 8);

SIZE(uffdio_rwprotect, 24);
FIELD(uffdio_rwprotect, range, 0, 16);
FIELD(uffdio_rwprotect, mode, 16, 8);

SIZE(uffdio_set_mode, 16);
FIELD(uffdio_set_mode, enable, 0, 8);
FIELD(uffdio_set_mode, disable, 8, 8);

SIZE(uffdio_continue, 32);
FIELD(uffdio_continue, range, 0, 16);
FIELD(uffdio_continue, mode, 16, 8);
FIELD(uffdio_continue, mapped, 24, 8);

SIZE(uffdio_poison, 32);
FIELD(uffdio_poison, range, 0, 16);
FIELD(uffdio_poison, mode, 16, 8);
FIELD(uffdio_poison, updated, 24, 8);

SIZE(uffdio_move, 40);
FIELD(uffdio_move, dst, 0, 8);
FIELD(uffdio_move, src, 8, 8);
FIELD(uffdio_move, len, 16, 8);
FIELD(uffdio_move, mode, 24, 8);
FIELD(uffdio_move, move, 32, 8);

SIZE(uffd_msg, 32);
FIELD(uffd_msg, event, 0, 1);
FIELD(uffd_msg, reserved1, 1, 1);
FIELD(uffd_msg, reserved2, 2, 2);
FIELD(uffd_msg, reserved3, 4, 4);
FIELD(uffd_msg, arg, 8, 24);
FIELD(uffd_msg, arg.pagefault.flags, 8, 8);
FIELD(uffd_msg, arg.pagefault.address, 16, 8);
FIELD(uffd_msg, arg.pagefault.feat.ptid, 24, 4);
FIELD(uffd_msg, arg.fork.ufd, 8, 4);
FIELD(uffd_msg, arg.remap.from, 8, 8);
FIELD(uffd_msg, arg.remap.to, 16, 8);
FIELD(uffd_msg, arg.remap.len, 24, 8);
FIELD(uffd_msg, arg.remove.start, 8, 8);
FIELD(uffd_msg, arg.remove.end, 16, 8);
FIELD(uffd_msg, arg.reserved.reserved1, 8, 8);
FIELD(uffd_msg, arg.reserved.reserved2, 16, 8);
FIELD(uffd_msg, arg.reserved.reserved3, 24, 8);

static_assert(USERFAULTFD_IOC_NEW == 0x0000aa00);
static_assert(UFFDIO_API == 0xc018aa3f);
static_assert(UFFDIO_REGISTER == 0xc020aa00);
static_assert(UFFDIO_UNREGISTER == 0x8010aa01);
static_assert(UFFDIO_WAKE == 0x8010aa02);
static_assert(UFFDIO_COPY == 0xc028aa03);
static_assert(UFFDIO_ZEROPAGE == 0xc020aa04);
static_assert(UFFDIO_MOVE == 0xc028aa05);
static_assert(UFFDIO_WRITEPROTECT == 0xc018aa06);
static_assert(UFFDIO_CONTINUE == 0xc020aa07);
static_assert(UFFDIO_POISON == 0xc020aa08);
static_assert(UFFDIO_RWPROTECT == 0xc018aa09);
static_assert(UFFDIO_SET_MODE == 0x4010aa0a);
