/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SWAP_HPP
#define SELFTESTS_SWAP_HPP

#include "lib/memory.hpp"

#include <cstddef>

namespace selftests {

/*
 * Swap space on a RAM disk, as long as this lives. Skips the test if there is no such disk.
 */
class Swap {
public:
	explicit Swap(std::size_t bytes);
	~Swap();
	Swap(const Swap &) = delete;
	Swap &operator=(const Swap &) = delete;
};

/* Asks the kernel to swap out these pages of @memory; it may swap out only some. */
void push_out(const Memory &memory, std::size_t first, std::size_t count);

/* Waits until all of these pages are swapped out. No thread may use them meanwhile. */
void swap_out(const Memory &memory, std::size_t first, std::size_t count);

bool is_swapped(const Memory &memory, std::size_t index);

} // namespace selftests

#endif
