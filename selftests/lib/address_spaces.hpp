/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ADDRESS_SPACES_HPP
#define SELFTESTS_ADDRESS_SPACES_HPP

#include <cstddef>

namespace selftests {

/*
 * How many address spaces the kernel keeps: one for each process, and those of ended processes that
 * something still has a reference to. Skips the test if the kernel doesn't count them.
 */
std::size_t count_mms();

} // namespace selftests

#endif
