/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SWAP_HPP
#define SELFTESTS_SWAP_HPP

#include "lib/memory.hpp"

#include <cstddef>

namespace selftests {

/*
 * Room to swap to, on a disk in memory, while this lives. Skips the test where there is no such
 * disk.
 */
class Swap {
public:
	explicit Swap(std::size_t bytes);
	~Swap();
	Swap(const Swap &) = delete;
	Swap &operator=(const Swap &) = delete;
};

/* Has the kernel look for pages of @memory to swap out; not all may be. */
void push_out(const Memory &memory, std::size_t first, std::size_t count);

/* Waits until all of them are swapped out. Nobody may use them meanwhile. */
void swap_out(const Memory &memory, std::size_t first, std::size_t count);

bool is_swapped(const Memory &memory, std::size_t index);

} // namespace selftests

#endif
