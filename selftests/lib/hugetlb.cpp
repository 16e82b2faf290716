// SPDX-License-Identifier: GPL-2.0-only
#include "lib/hugetlb.hpp"

#include "harness/harness.hpp"
#include "lib/files.hpp"
#include "lib/maps.hpp"

#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace selftests {

using namespace userfault;

HugeMemory::HugeMemory(std::size_t count, MemoryKind kind)
	: memory_(Memory::aligned(count * small_pages_of_huge, huge_page_size, kind))
{
}

HugeMemory::HugeMemory(std::size_t count, int flags)
	: HugeMemory(count, Fd(), flags | MAP_ANONYMOUS | MAP_HUGETLB)
{
}

HugeMemory::HugeMemory(std::size_t count, const Fd &file, int flags)
	: memory_(Memory::aligned(count * small_pages_of_huge, huge_page_size, file, flags))
{
}

HugeMemory::HugeMemory(Memory memory) : memory_(std::move(memory)) {}

HugeMemory HugeMemory::sparse(MemoryKind kind)
{
	const auto pages = gigantic_page_size / page_size();

	switch (kind) {
	case MemoryKind::private_huge:
		return sparse(Fd(), MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);
	case MemoryKind::shared_huge:
		return sparse(Fd(), MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB);
	case MemoryKind::private_huge_file:
		return sparse(huge_file(pages), MAP_PRIVATE);
	default:
		return sparse(huge_file(pages), MAP_SHARED);
	}
}

HugeMemory HugeMemory::sparse(const Fd &file, int flags)
{
	return HugeMemory(Memory::aligned(gigantic_page_size / page_size(), gigantic_page_size,
					  file, flags | MAP_NORESERVE));
}

Address HugeMemory::address(std::size_t index) const
{
	return memory_.address(index * small_pages_of_huge);
}

std::size_t HugeMemory::index_of(Address address) const
{
	return memory_.index_of(address) / small_pages_of_huge;
}

Range HugeMemory::range(std::size_t first, std::size_t count) const
{
	return memory_.range(first * small_pages_of_huge, count * small_pages_of_huge);
}

volatile std::uint64_t &HugeMemory::small_word(std::size_t index, std::size_t small) const
{
	return memory_.word(index * small_pages_of_huge + small);
}

void HugeMemory::write_pattern(std::size_t index, std::uint64_t seed) const
{
	selftests::write_pattern(memory_.bytes(index * small_pages_of_huge, small_pages_of_huge),
				 seed);
}

bool HugeMemory::has_pattern(std::size_t index, std::uint64_t seed) const
{
	return selftests::has_pattern(
		memory_.bytes(index * small_pages_of_huge, small_pages_of_huge), seed);
}

bool HugeMemory::is_there(std::size_t index) const
{
	return selftests::is_there(memory_, index * small_pages_of_huge) &&
	       selftests::is_there(memory_, (index + 1) * small_pages_of_huge - 1);
}

std::size_t HugeMemory::missing() const
{
	std::size_t missing = 0;

	for (std::size_t i = 0; i < memory_.pages() / small_pages_of_huge; i++)
		missing += !is_there(i);
	return missing;
}

bool HugeMemory::is_protected(std::size_t index) const
{
	return is_protected_at(address(index));
}

void HugeMemory::drop(std::size_t first, std::size_t count) const
{
	memory_.drop(first * small_pages_of_huge, count * small_pages_of_huge);
}

void HugeMemory::unmap(std::size_t first, std::size_t count) const
{
	const auto bytes = memory_.bytes(first * small_pages_of_huge, count * small_pages_of_huge);

	/* Instead of a hole there is a mapping without access, which is unmapped with the rest. */
	if (::mmap(bytes.data(), bytes.size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   -1, 0) == MAP_FAILED)
		give_up("mmap over huge pages");
}

HugeSource::HugeSource(std::size_t count, std::uint64_t first_seed)
	: file_(shmem_file(count * small_pages_of_huge)),
	  memory_(count * small_pages_of_huge, file_, MAP_SHARED)
{
	for (std::size_t i = 0; i < count; i++)
		write_pattern(memory_.bytes(i * small_pages_of_huge, small_pages_of_huge),
			      first_seed + i);
}

std::span<const std::byte> HugeSource::bytes(std::size_t first, std::size_t count) const
{
	return memory_.bytes(first * small_pages_of_huge, count * small_pages_of_huge);
}

std::uint64_t HugeSource::small_word(std::size_t index, std::size_t small) const
{
	return memory_.word(index * small_pages_of_huge + small);
}

std::byte *HugeSource::small_page(std::size_t index, std::size_t small) const
{
	return memory_.page(index * small_pages_of_huge + small);
}

void HugeSource::evict(std::size_t first, std::size_t count) const
{
	checked(::madvise(small_page(first, 0), count * huge_page_size, MADV_DONTNEED));
}

void HugeSource::evict_from(std::size_t index, std::size_t small) const
{
	checked(::madvise(small_page(index, small), (small_pages_of_huge - small) * page_size(),
			  MADV_DONTNEED));
}

HugeFileWorld::HugeFileWorld(std::size_t count, int sharing, Modes modes, Features features)
	: pages(2 * count), file(huge_file(count * small_pages_of_huge)),
	  other(count, file, MAP_SHARED), memory(count, file, sharing),
	  context(open_context(features)),
	  ioctls(take(context.register_range(memory.range(), modes)))
{
}

void HugeFileWorld::resize(std::size_t count) const
{
	checked(::ftruncate(file.get(), static_cast<off_t>(count * huge_page_size)));
}

GiganticMemory::GiganticMemory()
	: GiganticMemory(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
				 static_cast<int>(30u << MAP_HUGE_SHIFT),
			 -1)
{
}

GiganticMemory::GiganticMemory(int flags, int file)
	: mapping_(take(Mapping::anonymous(2 * gigantic_page_size, MAP_NORESERVE)))
{
	const auto excess = mapping_.range().start & (gigantic_page_size - 1);

	bytes_ = mapping_.bytes().subspan(excess ? gigantic_page_size - excess : 0,
					  gigantic_page_size);
	if (::mmap(bytes_.data(), bytes_.size(), PROT_READ | PROT_WRITE, MAP_FIXED | flags, file,
		   0) == MAP_FAILED)
		give_up("mmap of a gigantic page");
}

GiganticMemory GiganticMemory::repeating(const HugeSource &source)
{
	GiganticMemory memory(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	for (std::size_t at = 0; at < gigantic_page_size; at += huge_page_size)
		if (::mmap(memory.bytes_.data() + at, huge_page_size, PROT_READ,
			   MAP_SHARED | MAP_FIXED | MAP_POPULATE, source.file().get(),
			   0) == MAP_FAILED)
			give_up("mmap of one huge page many times");
	return memory;
}

GiganticMemory GiganticMemory::of(const Fd &file)
{
	return GiganticMemory(MAP_SHARED | MAP_NORESERVE, file.get());
}

volatile std::uint64_t &GiganticMemory::word_at(std::size_t offset) const
{
	return *reinterpret_cast<volatile std::uint64_t *>(bytes_.data() + offset);
}

SharedTables::SharedTables()
	: file(huge_file(gigantic_page_size / page_size())), one(GiganticMemory::of(file)),
	  other(GiganticMemory::of(file))
{
}

bool SharedTables::other_has(std::size_t offset) const
{
	return pagemap_entry(other.range().start + offset) & pagemap_present;
}

} // namespace selftests
