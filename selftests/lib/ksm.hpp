/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KSM_HPP
#define SELFTESTS_KSM_HPP

#include <map>
#include <string>

namespace selftests {

/* KSM works as fast as it can, as long as this lives. Skips the test if the kernel has no KSM. */
class Ksm {
public:
	Ksm();
	~Ksm();
	Ksm(const Ksm &) = delete;
	Ksm &operator=(const Ksm &) = delete;

	/*
	 * Waits until KSM has scanned all memory more than twice: it merges only pages that have
	 * not changed between two scans.
	 */
	void await() const;

private:
	std::map<std::string, std::string> before_; /* its settings */
};

/*
 * Turns PR_SET_MEMORY_MERGE on or off, with which KSM merges pages of all of the calling process's
 * memory. False if this kernel can't do that: Linux can since 6.4.
 */
bool merge_all_memory(bool on);

} // namespace selftests

#endif
