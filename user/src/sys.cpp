/* SPDX-License-Identifier: MIT */
#include "sys.hpp"

#include <sys/ioctl.h>

#include <linux/userfault.h>

namespace userfault::sys {

Result<int> ioctl(int fd, unsigned long request, void *argument) noexcept
{
	return check(::ioctl(fd, request, argument));
}

Result<void> range_ioctl(int fd, unsigned long request, Range range) noexcept
{
	uffdio_range arguments{range.start, range.length};

	if (auto done = ioctl(fd, request, &arguments); !done)
		return std::unexpected(done.error());
	return {};
}

} // namespace userfault::sys
