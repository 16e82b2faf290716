/* SPDX-License-Identifier: MIT */
#include <userfault/mapping.hpp>

#include <sys/mman.h>

#include "sys.hpp"

namespace userfault {

Result<Mapping> Mapping::anonymous(std::size_t length, int flags)
{
	std::size_t size = whole_pages(length);

	if (size < length)
		return sys::fail(ENOMEM);

	void *data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (data == MAP_FAILED)
		return sys::fail(errno);
	return Mapping({static_cast<std::byte *>(data), size});
}

Mapping &Mapping::operator=(Mapping &&other) noexcept
{
	Mapping old(release());

	bytes_ = other.release();
	return *this;
}

Mapping::~Mapping()
{
	if (!bytes_.empty())
		::munmap(bytes_.data(), bytes_.size());
}

} // namespace userfault
