/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KERNEL_LOG_HPP
#define SELFTESTS_KERNEL_LOG_HPP

#include <string>
#include <string_view>
#include <vector>

namespace selftests {

/*
 * Reads the kernel's log once, from the boot on, and knows what may not be in it. If another
 * process has called last_complaints() before, reading goes on from there. Not thread-safe.
 */
class KernelLog {
public:
	KernelLog();
	~KernelLog();
	KernelLog(const KernelLog &) = delete;
	KernelLog &operator=(const KernelLog &) = delete;

	/* Whether the log can be read and written here; if not, the other functions do nothing. */
	bool available() const { return fd_ >= 0; }

	/*
	 * Writes @text into the log, for people who read it. Its level is that of debug messages,
	 * so most consoles leave it out: an emulated serial line would take longer to print it than
	 * many a test takes.
	 */
	void mark(std::string_view text);

	/* Skips what has not been read yet. */
	void skip();

	/* The lines since the last call, or skip(), that report something wrong. */
	std::vector<std::string> complaints();

	/* The same, if both backends may have been at work. */
	std::vector<std::string> complaints_of_either_backend();

	/*
	 * The same, for the last time: marks the log, so that the next process starts reading here.
	 */
	std::vector<std::string> last_complaints();

	/* Whether @part is in a line since the last call, or skip(). */
	bool has(std::string_view part);

private:
	std::vector<std::string> new_lines();

	int fd_;
};

} // namespace selftests

#endif
