/* SPDX-License-Identifier: MIT */
#include <userfault/region.hpp>

#include <sys/ioctl.h>

#include <linux/userfault.h>

#include "sys.hpp"

namespace userfault {

Result<Region> Region::make(const Context &context, Range range, Modes modes)
{
	auto ioctls = context.register_range(range, modes);

	if (!ioctls)
		return std::unexpected(ioctls.error());
	return Region(context.fd(), range, *ioctls);
}

Region &Region::operator=(Region &&other) noexcept
{
	Region old(std::move(*this));

	context_ = std::exchange(other.context_, -1);
	range_ = other.range_;
	ioctls_ = other.ioctls_;
	return *this;
}

Region::~Region()
{
	if (context_ >= 0)
		static_cast<void>(unregister());
}

Result<void> Region::unregister()
{
	return sys::range_ioctl(std::exchange(context_, -1), UFFDIO_UNREGISTER, range_);
}

} // namespace userfault
