/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_THP_HPP
#define SELFTESTS_THP_HPP

#include "lib/memory.hpp"

namespace selftests {

/* Transparent huge pages, which a real-time kernel doesn't have. */

bool has_transparent_huge_pages();
/* Skips the test if the kernel has none. */
void need_transparent_huge_pages();

/* Keeps the kernel from making huge pages of this memory. */
void keep_small(const Memory &memory);

} // namespace selftests

#endif
