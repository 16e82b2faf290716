/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_CORE_FILE_HPP
#define SELFTESTS_CORE_FILE_HPP

#include <cstddef>
#include <span>
#include <string>

namespace selftests {

/* The file to which the kernel writes core dumps as long as this lives. */
class CoreFile {
public:
	CoreFile();
	~CoreFile();
	CoreFile(const CoreFile &) = delete;
	CoreFile &operator=(const CoreFile &) = delete;

	/* Whether it has these bytes somewhere. */
	bool contains(std::span<const std::byte> bytes) const;

private:
	std::string pattern_before_;
};

/* Ends the calling process with a core dump. */
[[noreturn]] void dump_core();

} // namespace selftests

#endif
