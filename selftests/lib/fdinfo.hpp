/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FDINFO_HPP
#define SELFTESTS_FDINFO_HPP

#include <cstddef>
#include <string>

namespace selftests {

/* What the kernel tells of a context in /proc/PID/fdinfo/FD. */
struct FdInfo {
	std::size_t pending = 0; /* faults that no monitor has been told of */
	std::size_t total = 0;	 /* these, and those that have been told and still wait */
	std::string api;
	std::string text; /* all of it */
};

/* Of descriptor @fd of this process. */
FdInfo fdinfo(int fd);

} // namespace selftests

#endif
