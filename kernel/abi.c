// SPDX-License-Identifier: GPL-2.0-only
/* The module compiles only if the header matches the frozen ABI. */
#include <abi_asserts.h>

#include <linux/fcntl.h>

/*
 * USERFAULTFD_IOC_NEW takes this flag together with flags of open(2), so it must differ from them.
 */
UF_ABI_ASSERT(!(UFFD_USER_MODE_ONLY & (O_CLOEXEC | O_NONBLOCK)));
