/* SPDX-License-Identifier: MIT */
#include "guard.hpp"

#include "failure.hpp"
#include "redirect.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace redirect {

namespace {

constexpr unsigned int x32_bit = 0x40000000;
constexpr unsigned int x32_ioctl = 514;
constexpr unsigned int i386_ioctl = 54;
constexpr unsigned int i386_userfaultfd = 374;

constexpr sock_filter load(unsigned int offset)
{
	return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}

/* The lower half of an argument: commands and our mark have 32 bits. */
constexpr unsigned int argument(unsigned int index)
{
	return offsetof(seccomp_data, args) + index * sizeof(__u64);
}

/* The instruction at @here goes on at @then if the loaded value is @value, else at @otherwise. */
constexpr sock_filter if_is(unsigned int value, int here, int then, int otherwise)
{
	return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value,
			static_cast<unsigned char>(then - here - 1),
			static_cast<unsigned char>(otherwise - here - 1));
}

/* The same if the loaded value has a bit of @bits. */
constexpr sock_filter if_has(unsigned int bits, int here, int then, int otherwise)
{
	return BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits,
			static_cast<unsigned char>(then - here - 1),
			static_cast<unsigned char>(otherwise - here - 1));
}

/* Positions in the filter below */
enum : int { is_64_bit = 5, is_userfaultfd = 10, is_ioctl = 12, refuse = 16, allow = 17 };

std::array filter{
	/*  0 */ load(offsetof(seccomp_data, arch)),
	/*  1 */ if_is(AUDIT_ARCH_X86_64, 1, is_64_bit, 2),
	/*  2 */ load(offsetof(seccomp_data, nr)),
	/*  3 */ if_is(i386_userfaultfd, 3, refuse, 4),
	/*  4 */ if_is(i386_ioctl, 4, is_ioctl, allow),
	/*  5 */ load(offsetof(seccomp_data, nr)),
	/*  6 */ sock_filter BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~x32_bit),
	/*  7 */ if_is(SYS_userfaultfd, 7, is_userfaultfd, 8),
	/*  8 */ if_is(SYS_ioctl, 8, is_ioctl, 9),
	/*  9 */ if_is(x32_ioctl, 9, is_ioctl, allow),
	/* 10 */ load(argument(0)),
	/* 11 */ if_has(REDIRECT_ASK, 11, allow, refuse),
	/* 12 */ load(argument(1)),
	/* 13 */ if_is(USERFAULTFD_IOC_NEW, 13, 14, allow),
	/* 14 */ load(argument(3)),
	/* 15 */ if_is(REDIRECT_MARK, 15, allow, refuse),
	/* 16 */ sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	/* 17 */ sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static_assert(filter.size() == allow + 1);

bool install()
{
	const sock_fprog program{filter.size(), filter.data()};

	return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

} // namespace

void refuse_native()
{
	if (install())
		return;
	if (errno == EACCES && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install())
		return;
	throw Failure(
		Exit::failed,
		std::string("the program can't be kept from native userfaultfd by seccomp: ") +
			std::strerror(errno),
		"Use a kernel with CONFIG_SECCOMP_FILTER, and allow seccomp(2) in a container.");
}

} // namespace redirect
