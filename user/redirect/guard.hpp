/* SPDX-License-Identifier: MIT */
#pragma once

namespace redirect {

/*
 * From here on this process and all that come of it get ENOSYS where they ask the kernel itself
 * for a userfaultfd, past the preloaded library: static programs, 32-bit programs, programs
 * without libc.
 *
 * Without CAP_SYS_ADMIN that takes PR_SET_NO_NEW_PRIVS: setuid programs run without privileges
 * then.
 * Failure: failed, if the kernel has no seccomp filters.
 */
void refuse_native();

} // namespace redirect
