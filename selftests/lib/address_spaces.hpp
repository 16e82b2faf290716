/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ADDRESS_SPACES_HPP
#define SELFTESTS_ADDRESS_SPACES_HPP

#include <cstddef>

namespace selftests {

/*
 * How many address spaces the kernel keeps: one for each process, and one for each of which
 * something still holds a reference. Skips the test where the kernel doesn't say.
 */
std::size_t count_mms();

} // namespace selftests

#endif
