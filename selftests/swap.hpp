/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SWAP_HPP
#define SELFTESTS_SWAP_HPP

#include <cstddef>

namespace selftests {

/* Room to swap to, on a disk in memory, while this lives. Skips the test where there is no such
 * disk. */
class Swap {
public:
	explicit Swap(std::size_t bytes);
	~Swap();
	Swap(const Swap &) = delete;
	Swap &operator=(const Swap &) = delete;
};

} // namespace selftests

#endif
