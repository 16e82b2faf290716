/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KSM_HPP
#define SELFTESTS_KSM_HPP

#include <map>
#include <string>

namespace selftests {

/* Has KSM work as fast as it can, as long as this lives. Skips the test where there is none. */
class Ksm {
public:
	Ksm();
	~Ksm();
	Ksm(const Ksm &) = delete;
	Ksm &operator=(const Ksm &) = delete;

	/*
	 * Waits until it has looked at all there is more than twice: it merges what it has seen to
	 * stay as it is.
	 */
	void await() const;

private:
	std::map<std::string, std::string> before_; /* its settings */
};

/*
 * Has KSM merge pages of all the calling process's memory, or no longer: PR_SET_MEMORY_MERGE. False:
 * this kernel can't, which knows it since 6.4.
 */
bool merge_all_memory(bool on);

} // namespace selftests

#endif
