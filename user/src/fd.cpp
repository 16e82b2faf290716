/* SPDX-License-Identifier: MIT */
#include <userfault/fd.hpp>

#include <unistd.h>

namespace userfault {

void Fd::reset(int number) noexcept
{
	int old = std::exchange(number_, number);

	if (old >= 0)
		::close(old);
}

} // namespace userfault
