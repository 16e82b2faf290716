/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KERNEL_LOG_HPP
#define SELFTESTS_KERNEL_LOG_HPP

#include <string>
#include <string_view>
#include <vector>

namespace selftests {

/* Reads the kernel's log from a marker on, and knows what may not be in it. Not thread-safe. */
class KernelLog {
public:
	KernelLog();
	~KernelLog();
	KernelLog(const KernelLog &) = delete;
	KernelLog &operator=(const KernelLog &) = delete;

	/* Whether the log can be read and written here; if not, everything else does nothing. */
	bool available() const { return fd_ >= 0; }

	/* Writes @text into the log; complaints() then looks at what comes after it. */
	void mark(std::string_view text);

	/* The lines since the marker, or since the last call, that tell of something wrong. */
	std::vector<std::string> complaints();

	/* Whether @part is in a line since the marker, or since the last call. */
	bool has(std::string_view part);

private:
	std::vector<std::string> new_lines();

	int fd_;
};

} // namespace selftests

#endif
