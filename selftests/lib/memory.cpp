// SPDX-License-Identifier: GPL-2.0-only
#include "lib/memory.hpp"

#include "harness/harness.hpp"
#include "lib/files.hpp"
#include "lib/huge_pages.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <sys/mman.h>

namespace selftests {

namespace {

/* The finalizer of splitmix64: near inputs give unrelated outputs. */
std::uint64_t mixed(std::uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
	value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
	return value ^ (value >> 31);
}

std::uint64_t word_of_pattern(std::uint64_t seed, std::size_t index)
{
	return mixed((seed + 1) * 0x9e3779b97f4a7c15) + index * 0x0101010101010101;
}

} // namespace

Memory::Memory(std::size_t pages, int flags) : Memory(aligned(pages, 1, flags)) {}

Memory::Memory(std::size_t pages, MemoryKind kind) : Memory(aligned(pages, 1, kind)) {}

Memory::Memory(std::size_t pages, const userfault::Fd &file, int flags)
	: Memory(aligned(pages, 1, file, flags))
{
}

Memory::Memory(Mapping mapping, std::span<std::byte> bytes)
	: mapping_(std::move(mapping)), bytes_(bytes)
{
}

Memory Memory::aligned(std::size_t pages, std::size_t alignment, int flags)
{
	const auto length = pages * page_size();
	auto mapping = map_anonymous(length + alignment - 1, flags);
	const auto excess = reinterpret_cast<userfault::Address>(mapping.get()) & (alignment - 1);
	std::byte *start = mapping.get() + (excess ? alignment - excess : 0);

	return Memory(std::move(mapping), {start, length});
}

Memory Memory::aligned(std::size_t pages, std::size_t alignment, MemoryKind kind)
{
	switch (kind) {
	case MemoryKind::shared_anonymous:
		return aligned(pages, alignment, userfault::Fd(), MAP_SHARED | MAP_ANONYMOUS);
	case MemoryKind::shared_file:
		return aligned(pages, alignment, shmem_file(pages), MAP_SHARED);
	case MemoryKind::private_file:
		return aligned(pages, alignment, shmem_file(pages), MAP_PRIVATE);
	case MemoryKind::private_huge:
		return aligned(pages, huge_page_size, userfault::Fd(),
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB);
	case MemoryKind::shared_huge:
		return aligned(pages, huge_page_size, userfault::Fd(),
			       MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB);
	case MemoryKind::private_huge_file:
		return aligned(pages, huge_page_size, huge_file(pages), MAP_PRIVATE);
	case MemoryKind::shared_huge_file:
		return aligned(pages, huge_page_size, huge_file(pages), MAP_SHARED);
	default:
		return aligned(pages, alignment);
	}
}

Memory Memory::aligned(std::size_t pages, std::size_t alignment, const userfault::Fd &file,
		       int flags)
{
	auto memory = aligned(pages, alignment);

	memory.map(file, flags);
	return memory;
}

void Memory::Unmap::operator()(std::byte *start) const
{
	::munmap(start, length);
}

/*
 * The kernel maps from the top down. It comes here only if there is no room above. ThreadSanitizer
 * has its own memory here, and lets the kernel choose.
 */
Memory::Mapping Memory::map_anonymous(std::size_t length, int flags)
{
	constexpr userfault::Address lowest = 0x2000'0000'0000, gap = 1 << 20;
	static std::atomic<userfault::Address> next = lowest;
	const auto size = (length + page_size() - 1) & ~(page_size() - 1);
	void *start = ::mmap(reinterpret_cast<void *>(next.fetch_add(size + gap)), length,
			     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (start == MAP_FAILED)
		give_up("mmap of memory");
	return Mapping(static_cast<std::byte *>(start), Unmap{length});
}

void Memory::map(const userfault::Fd &file, int flags)
{
	if (::mmap(bytes_.data(), bytes_.size(), PROT_READ | PROT_WRITE, flags | MAP_FIXED,
		   file.get(), 0) == MAP_FAILED)
		give_up("mmap of a file");
	shared_ = flags & MAP_SHARED;
}

userfault::Address Memory::address(std::size_t index) const
{
	return reinterpret_cast<userfault::Address>(page(index));
}

std::size_t Memory::index_of(userfault::Address address) const
{
	return (address - this->address(0)) / page_size();
}

userfault::Range Memory::range(std::size_t first, std::size_t count) const
{
	return userfault::Range::of(bytes(first, count));
}

std::span<std::byte> Memory::bytes(std::size_t first, std::size_t count) const
{
	return bytes_.subspan(first * page_size(), count * page_size());
}

void Memory::unmap(std::size_t first, std::size_t count) const
{
	checked(::munmap(page(first), count * page_size()));
}

long Memory::remap(std::size_t first, std::size_t old_count, std::size_t new_count, int flags,
		   const std::byte *to) const
{
	const void *moved = ::mremap(page(first), old_count * page_size(), new_count * page_size(),
				     flags | (to ? MREMAP_MAYMOVE | MREMAP_FIXED : 0), to);

	return moved == MAP_FAILED ? -1 : 0;
}

void Memory::drop(std::size_t first, std::size_t count) const
{
	checked(::madvise(page(first), count * page_size(), shared_ ? MADV_REMOVE : MADV_DONTNEED));
}

volatile std::uint64_t &Memory::word(std::size_t index) const
{
	return *reinterpret_cast<volatile std::uint64_t *>(page(index));
}

void write_pattern(std::span<std::byte> page, std::uint64_t seed)
{
	for (std::size_t i = 0; i < page.size() / sizeof(std::uint64_t); i++) {
		const auto word = word_of_pattern(seed, i);
		std::memcpy(page.data() + i * sizeof(word), &word, sizeof(word));
	}
}

bool has_pattern(std::span<const std::byte> page, std::uint64_t seed)
{
	for (std::size_t i = 0; i < page.size() / sizeof(std::uint64_t); i++) {
		const auto word = word_of_pattern(seed, i);
		if (std::memcmp(page.data() + i * sizeof(word), &word, sizeof(word)))
			return false;
	}
	return true;
}

bool is_zero(std::span<const std::byte> bytes)
{
	return std::all_of(bytes.begin(), bytes.end(),
			   [](std::byte b) { return b == std::byte{}; });
}

std::uint64_t pattern_word(std::uint64_t seed)
{
	return word_of_pattern(seed, 0);
}

Memory patterned(std::size_t pages, std::uint64_t first_seed)
{
	return patterned(pages, MemoryKind::anonymous, first_seed);
}

Memory patterned(std::size_t pages, MemoryKind kind, std::uint64_t first_seed)
{
	Memory memory(pages, kind);

	for (std::size_t i = 0; i < pages; i++)
		write_pattern(memory.bytes(i, 1), first_seed + i);
	return memory;
}

std::size_t count_patterned(const Memory &memory, std::uint64_t first_seed)
{
	std::size_t count = 0;

	while (count < memory.pages() && has_pattern(memory.bytes(count, 1), first_seed + count))
		count++;
	return count;
}

} // namespace selftests
