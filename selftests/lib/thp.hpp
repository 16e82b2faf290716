/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_THP_HPP
#define SELFTESTS_THP_HPP

#include "lib/memory.hpp"

namespace selftests {

/* Transparent huge pages, which a kernel for real time has none of. */

/* Skips the test where there are none. */
void need_transparent_huge_pages();

/* Small pages only, also where the kernel would make huge ones of them. */
void keep_small(const Memory &memory);

} // namespace selftests

#endif
