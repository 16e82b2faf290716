/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FDINFO_HPP
#define SELFTESTS_FDINFO_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace selftests {

/* What /proc/PID/fdinfo/FD says about a context. */
struct FdInfo {
	/* What comes after a line's name; empty if there is no such line. Of the module alone: */
	std::string line(std::string_view name) const;
	/* The number in such a line; gives the test up if there is no such line. */
	std::uint64_t number(std::string_view name) const;
	/* In a line of NAME=VALUE pairs: the value, or 0 if there is no such line or pair. */
	std::uint64_t count(std::string_view line, std::string_view name) const;

	std::size_t pending = 0; /* faults that no monitor has read */
	std::size_t total = 0;	 /* these, and faults that a monitor has read and that still wait */
	std::string api;
	std::string text; /* all of it */
};

/* Of descriptor @fd of this process. */
FdInfo fdinfo(int fd);

} // namespace selftests

#endif
