/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SEAL_HPP
#define SELFTESTS_SEAL_HPP

#include "harness/harness.hpp"

#include <sys/syscall.h>
#include <unistd.h>
#include <userfault/range.hpp>

namespace selftests {

/* By mseal(2), which Linux has since 6.10, else this skips. The memory stays until the test ends.
 */
inline void seal(userfault::Range range)
{
	constexpr long mseal = 462;

	if (::syscall(mseal, range.start, range.length, 0) != 0)
		skip("this kernel can't seal memory");
}

} // namespace selftests

#endif
