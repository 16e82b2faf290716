/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FREE_MEMORY_HPP
#define SELFTESTS_FREE_MEMORY_HPP

#include <cstddef>
#include <optional>

namespace selftests {

/*
 * Notices memory that a test leaves behind in the kernel. Waits for memory that is freed late (RCU,
 * deferred work), and drops the caches first. Not thread-safe.
 */
class FreeMemory {
public:
	/* All else that goes on in the kernel during a test takes less memory than this. */
	static constexpr std::size_t noise_of_tests = 24 << 20;

	/*
	 * Remembers how much memory is free now. @kmemleak: whether the kernel has kmemleak;
	 * @noise: how many bytes may be missing later.
	 */
	explicit FreeMemory(bool kmemleak, std::size_t noise = noise_of_tests);

	/* How many bytes are missing since then, if they are more than the noise. */
	std::optional<std::size_t> missing() const;

private:
	bool kmemleak_;
	std::size_t noise_;
	std::size_t before_;
};

} // namespace selftests

#endif
