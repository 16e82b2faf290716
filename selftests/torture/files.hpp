/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_FILES_HPP
#define SELFTESTS_TORTURE_FILES_HPP

#include <cstdint>
#include <string>
#include <string_view>

namespace torture {

/* The files of /proc, /sys and of control groups. */

/* All of it; empty if it can't be read. */
std::string read_file(const std::string &path);
/* False, with errno, if it can't be written. */
bool write_file(const std::string &path, std::string_view text);
/* The number after @key in a file of lines "KEY NUMBER" or "KEY: NUMBER"; 0 if there is none. */
std::uint64_t field(const std::string &path, std::string_view key);
/* The number that a file consists of. */
std::uint64_t number_in(const std::string &path);

} // namespace torture

#endif
