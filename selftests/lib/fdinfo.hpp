/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FDINFO_HPP
#define SELFTESTS_FDINFO_HPP

#include <cstddef>
#include <string>

namespace selftests {

/* What /proc/PID/fdinfo/FD says about a context. */
struct FdInfo {
	std::size_t pending = 0; /* faults that no monitor has read */
	std::size_t total = 0;	 /* these, and faults that a monitor has read and that still wait */
	std::string api;
	std::string text; /* all of it */
};

/* Of descriptor @fd of this process. */
FdInfo fdinfo(int fd);

} // namespace selftests

#endif
