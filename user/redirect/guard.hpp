/* SPDX-License-Identifier: MIT */
#pragma once

namespace redirect {

/*
 * From here on this process and its descendants get ENOSYS if they bypass the preloaded library and
 * ask the kernel itself for a userfaultfd: static programs, 32-bit programs, programs without libc.
 *
 * Without CAP_SYS_ADMIN that takes PR_SET_NO_NEW_PRIVS: they then run setuid programs without
 * privileges. Throws Failure: failed, if the kernel refuses the filter.
 */
void refuse_native();

} // namespace redirect
