/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FREE_MEMORY_HPP
#define SELFTESTS_FREE_MEMORY_HPP

#include <cstddef>
#include <optional>

namespace selftests {

/*
 * Notices memory that a test leaves behind in the kernel. What is freed late (RCU, deferred work)
 * is waited for; what is only cached is dropped first. Not thread-safe.
 */
class FreeMemory {
public:
	/* Whatever a test does, what else goes on in the kernel meanwhile is less than this. */
	static constexpr std::size_t noise_of_tests = 24 << 20;

	/*
	 * Remembers how much is free now. @kmemleak: whether the kernel's own detector is at work;
	 * @noise: what may be missing of it later, in bytes.
	 */
	explicit FreeMemory(bool kmemleak, std::size_t noise = noise_of_tests);

	/* Bytes that did not come back since then, if they are more than noise. */
	std::optional<std::size_t> missing() const;

private:
	bool kmemleak_;
	std::size_t noise_;
	std::size_t before_;
};

} // namespace selftests

#endif
