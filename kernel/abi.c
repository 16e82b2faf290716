// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ABI, frozen: the size of every structure, the offset of every field, the number of every
 * command, as <linux/userfaultfd.h> has them in Linux 6.12 to 7.3. user/src/abi.cpp says the same
 * in C++.
 */
#include <linux/userfault.h>

#include <linux/build_bug.h>
#include <linux/fcntl.h>
#include <linux/stddef.h>

#define UF_ABI_SIZE(type, size) \
	static_assert(sizeof(struct type) == (size))
#define UF_ABI_FIELD(type, field, offset) \
	static_assert(offsetof(struct type, field) == (offset))

UF_ABI_SIZE(uffdio_api, 24);
UF_ABI_FIELD(uffdio_api, api, 0);
UF_ABI_FIELD(uffdio_api, features, 8);
UF_ABI_FIELD(uffdio_api, ioctls, 16);

UF_ABI_SIZE(uffdio_range, 16);
UF_ABI_FIELD(uffdio_range, start, 0);
UF_ABI_FIELD(uffdio_range, len, 8);

UF_ABI_SIZE(uffdio_register, 32);
UF_ABI_FIELD(uffdio_register, range, 0);
UF_ABI_FIELD(uffdio_register, mode, 16);
UF_ABI_FIELD(uffdio_register, ioctls, 24);

UF_ABI_SIZE(uffdio_copy, 40);
UF_ABI_FIELD(uffdio_copy, dst, 0);
UF_ABI_FIELD(uffdio_copy, src, 8);
UF_ABI_FIELD(uffdio_copy, len, 16);
UF_ABI_FIELD(uffdio_copy, mode, 24);
UF_ABI_FIELD(uffdio_copy, copy, 32);

UF_ABI_SIZE(uffdio_zeropage, 32);
UF_ABI_FIELD(uffdio_zeropage, range, 0);
UF_ABI_FIELD(uffdio_zeropage, mode, 16);
UF_ABI_FIELD(uffdio_zeropage, zeropage, 24);

UF_ABI_SIZE(uffdio_writeprotect, 24);
UF_ABI_FIELD(uffdio_writeprotect, range, 0);
UF_ABI_FIELD(uffdio_writeprotect, mode, 16);

UF_ABI_SIZE(uffdio_rwprotect, 24);
UF_ABI_FIELD(uffdio_rwprotect, range, 0);
UF_ABI_FIELD(uffdio_rwprotect, mode, 16);

UF_ABI_SIZE(uffdio_set_mode, 16);
UF_ABI_FIELD(uffdio_set_mode, enable, 0);
UF_ABI_FIELD(uffdio_set_mode, disable, 8);

UF_ABI_SIZE(uffdio_continue, 32);
UF_ABI_FIELD(uffdio_continue, range, 0);
UF_ABI_FIELD(uffdio_continue, mode, 16);
UF_ABI_FIELD(uffdio_continue, mapped, 24);

UF_ABI_SIZE(uffdio_poison, 32);
UF_ABI_FIELD(uffdio_poison, range, 0);
UF_ABI_FIELD(uffdio_poison, mode, 16);
UF_ABI_FIELD(uffdio_poison, updated, 24);

UF_ABI_SIZE(uffdio_move, 40);
UF_ABI_FIELD(uffdio_move, dst, 0);
UF_ABI_FIELD(uffdio_move, src, 8);
UF_ABI_FIELD(uffdio_move, len, 16);
UF_ABI_FIELD(uffdio_move, mode, 24);
UF_ABI_FIELD(uffdio_move, move, 32);

UF_ABI_SIZE(uffd_msg, 32);
UF_ABI_FIELD(uffd_msg, event, 0);
UF_ABI_FIELD(uffd_msg, reserved1, 1);
UF_ABI_FIELD(uffd_msg, reserved2, 2);
UF_ABI_FIELD(uffd_msg, reserved3, 4);
UF_ABI_FIELD(uffd_msg, arg.pagefault.flags, 8);
UF_ABI_FIELD(uffd_msg, arg.pagefault.address, 16);
UF_ABI_FIELD(uffd_msg, arg.pagefault.feat.ptid, 24);
UF_ABI_FIELD(uffd_msg, arg.fork.ufd, 8);
UF_ABI_FIELD(uffd_msg, arg.remap.from, 8);
UF_ABI_FIELD(uffd_msg, arg.remap.to, 16);
UF_ABI_FIELD(uffd_msg, arg.remap.len, 24);
UF_ABI_FIELD(uffd_msg, arg.remove.start, 8);
UF_ABI_FIELD(uffd_msg, arg.remove.end, 16);
UF_ABI_FIELD(uffd_msg, arg.reserved.reserved1, 8);
UF_ABI_FIELD(uffd_msg, arg.reserved.reserved2, 16);
UF_ABI_FIELD(uffd_msg, arg.reserved.reserved3, 24);

static_assert(USERFAULTFD_IOC_NEW == 0xaa00);
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

/* A flag of ours among those of open(2) must be none of theirs. */
static_assert(!(UFFD_USER_MODE_ONLY & (O_CLOEXEC | O_NONBLOCK)));
