// SPDX-License-Identifier: GPL-2.0-only
#include "ground.hpp"

#include "failure.hpp"

#include <algorithm>
#include <fstream>
#include <sys/mman.h>

namespace bench {

namespace {

constexpr std::size_t alignment = 2 << 20;

/* Enough for the aligned ground, a page before it and a page after it. */
std::size_t mapped_length(std::size_t pages)
{
	return (pages + 2) * page_size() + alignment;
}

/* Makes sure that the kernel's pool has at least so many. */
void need_huge_pages(std::size_t bytes)
{
	constexpr auto pool = "/proc/sys/vm/nr_hugepages";
	std::size_t count = 0;

	if (std::ifstream(pool) >> count && count < bytes / alignment)
		std::ofstream(pool) << bytes / alignment;
}

/* The ground within its mapping. */
std::span<std::byte> aligned_part(std::span<std::byte> all, std::size_t length)
{
	const auto start = userfault::Range::of(all).start + page_size();
	const auto aligned = (start + alignment - 1) / alignment * alignment;

	return all.subspan(aligned - userfault::Range::of(all).start, length);
}

} // namespace

Ground::Ground(std::size_t pages, GroundKind kind)
	: mapping_(checked(userfault::Mapping::anonymous(mapped_length(pages), MAP_NORESERVE),
			   "mmap")),
	  bytes_(aligned_part(mapping_.bytes(), pages * page_size())), kind_(kind)
{
	std::byte *const end = bytes_.data() + bytes_.size();

	checked(::mprotect(mapping_.data(), bytes_.data() - mapping_.data(), PROT_NONE),
		"mprotect");
	checked(::mprotect(end, mapping_.data() + mapping_.size() - end, PROT_NONE), "mprotect");
	if (kind == GroundKind::hugetlb)
		need_huge_pages(bytes_.size());
	if (kind != GroundKind::anonymous)
		map_shared(kind == GroundKind::hugetlb ? MAP_HUGETLB : 0);
}

void Ground::map_shared(int flags) const
{
	if (::mmap(bytes_.data(), bytes_.size(), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0) == MAP_FAILED)
		checked(-1, "mmap");
}

void Ground::fill() const
{
	std::ranges::fill(bytes_, std::byte{0xa5});
}

void Ground::drop() const
{
	const int advice = kind_ == GroundKind::anonymous ? MADV_DONTNEED : MADV_REMOVE;

	checked(::madvise(bytes_.data(), bytes_.size(), advice), "madvise");
}

void Ground::unmap() const
{
	checked(::madvise(bytes_.data(), bytes_.size(), MADV_DONTNEED), "madvise");
}

} // namespace bench
