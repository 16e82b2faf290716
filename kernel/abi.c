// SPDX-License-Identifier: GPL-2.0-only
/* The module is compiled only if the header is the ABI as it is frozen. */
#include <abi_asserts.h>

#include <linux/fcntl.h>

/* A flag of ours among those of open(2) must be none of theirs. */
UF_ABI_ASSERT(!(UFFD_USER_MODE_ONLY & (O_CLOEXEC | O_NONBLOCK)));
