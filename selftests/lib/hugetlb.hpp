/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_HUGETLB_HPP
#define SELFTESTS_HUGETLB_HPP

#include "lib/huge_pages.hpp"
#include "lib/memory.hpp"
#include "lib/world.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <userfault/mapping.hpp>

namespace selftests {

inline constexpr std::size_t small_pages_of_huge = 512;

/* Memory that consists of huge pages; counts and indexes are in huge pages. */
class HugeMemory {
public:
	HugeMemory(std::size_t count, MemoryKind kind);
	/* Without a file, with these flags of mmap. */
	HugeMemory(std::size_t count, int flags);
	HugeMemory(std::size_t count, const userfault::Fd &file, int flags);
	/*
	 * As many as a page table maps, in a table of their own, which isn't there yet. None is
	 * reserved in the pool.
	 */
	static HugeMemory sparse(MemoryKind kind);
	static HugeMemory sparse(const userfault::Fd &file, int flags);

	userfault::Address address(std::size_t index) const;
	std::size_t index_of(userfault::Address address) const;
	userfault::Range range() const { return memory_.range(); }
	userfault::Range range(std::size_t first, std::size_t count) const;

	/* The first word of a small page within a huge one. */
	volatile std::uint64_t &small_word(std::size_t index, std::size_t small) const;
	void write_pattern(std::size_t index, std::uint64_t seed) const;
	bool has_pattern(std::size_t index, std::uint64_t seed) const;

	/* Whether all of a huge page is in the page table; how many aren't. */
	bool is_there(std::size_t index) const;
	std::size_t missing() const;
	/* Whether it is write-protected according to /proc/self/pagemap. */
	bool is_protected(std::size_t index) const;

	/*
	 * These do the same as in Memory, but unmap() leaves a mapping without access in the hole.
	 */
	void drop(std::size_t first, std::size_t count) const;
	void unmap(std::size_t first, std::size_t count) const;

private:
	explicit HugeMemory(Memory memory);

	Memory memory_;
};

/* Ordinary memory of the size of huge pages, with the patterns @first_seed, @first_seed + 1, ... */
class HugeSource {
public:
	explicit HugeSource(std::size_t count, std::uint64_t first_seed = 0);

	std::span<const std::byte> bytes(std::size_t first, std::size_t count) const;
	const userfault::Fd &file() const { return file_; }
	std::uint64_t small_word(std::size_t index, std::size_t small) const;
	std::byte *small_page(std::size_t index, std::size_t small) const;

	/* Takes small pages out of the page table: the next access faults and finds them again. */
	void evict(std::size_t first, std::size_t count) const;
	/* The same for a small page of one huge page, and all small pages after it. */
	void evict_from(std::size_t index, std::size_t small) const;

private:
	userfault::Fd file_;
	Memory memory_;
};

/* A file of huge pages, a registered mapping of it, and a shared mapping that isn't registered. */
struct HugeFileWorld {
	HugeFileWorld(std::size_t count, int sharing, userfault::Modes modes,
		      userfault::Features features = userfault::Features::None);

	void resize(std::size_t count) const;

	const HugePages pages;
	const userfault::Fd file;
	const HugeMemory other, memory;
	const userfault::Context context;
	const userfault::Ioctls ioctls;
};

/* Memory of one gigantic page, or of that size. */
class GiganticMemory {
public:
	GiganticMemory();
	/* Maps the first huge page of @source again and again. */
	static GiganticMemory repeating(const HugeSource &source);

	userfault::Range range() const { return userfault::Range::of(bytes_); }
	std::span<const std::byte> bytes() const { return bytes_; }
	volatile std::uint64_t &word_at(std::size_t offset) const;

	/* A shared mapping of @file, from its beginning on. */
	static GiganticMemory of(const userfault::Fd &file);

private:
	GiganticMemory(int flags, int file);

	userfault::Mapping mapping_;
	std::span<std::byte> bytes_;
};

/* Two mappings of a file, alike enough for hugetlb to give them one page table. */
struct SharedTables {
	SharedTables();

	/* Whether the other mapping has the page at @offset, which it didn't touch. */
	bool other_has(std::size_t offset) const;

	const userfault::Fd file;
	const GiganticMemory one, other;
};

} // namespace selftests

#endif
