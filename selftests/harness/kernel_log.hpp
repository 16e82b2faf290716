/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KERNEL_LOG_HPP
#define SELFTESTS_KERNEL_LOG_HPP

#include <string>
#include <string_view>
#include <vector>

namespace selftests {

/*
 * Reads the kernel's log once, from the boot on, and knows what may not be in it. Whoever comes
 * after another that has read it to its end goes on from there. Not thread-safe.
 */
class KernelLog {
public:
	KernelLog();
	~KernelLog();
	KernelLog(const KernelLog &) = delete;
	KernelLog &operator=(const KernelLog &) = delete;

	/* Whether the log can be read and written here; if not, everything else does nothing. */
	bool available() const { return fd_ >= 0; }

	/*
	 * Writes @text into the log, for those who read it. It is for debugging, so most consoles
	 * leave it out: an emulated serial line takes longer for it than many a test for its work.
	 */
	void mark(std::string_view text);

	/* Leaves out what has not been read yet. */
	void skip();

	/* The lines since the last call, or skip(), that tell of something wrong. */
	std::vector<std::string> complaints();

	/* The same, whatever backends were at work. */
	std::vector<std::string> complaints_of_either_backend();

	/*
	 * The same, for the last time: who reads the log after this process need not begin before.
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
