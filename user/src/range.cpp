/* SPDX-License-Identifier: MIT */
#include <userfault/range.hpp>

#include <unistd.h>

namespace userfault {

std::size_t page_size() noexcept
{
	static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

	return size;
}

Address page_start(Address address) noexcept
{
	return address & ~(Address{page_size()} - 1);
}

std::uint64_t whole_pages(std::uint64_t length) noexcept
{
	return page_start(length + page_size() - 1);
}

} // namespace userfault
