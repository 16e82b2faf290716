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
	/* Remembers how much is free now. */
	FreeMemory();

	/* Bytes that did not come back since then, if they are more than noise can be. */
	std::optional<std::size_t> missing() const;

private:
	std::size_t before_;
};

} // namespace selftests

#endif
