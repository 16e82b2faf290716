/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MEMORY_HPP
#define SELFTESTS_MEMORY_HPP

#include <userfault/mapping.hpp>
#include <userfault/range.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace selftests {

using userfault::page_size;

/*
 * Private anonymous memory, counted in pages. What is behind a reference may change at any moment,
 * and touching it may wait: hence volatile.
 */
class Memory {
public:
	explicit Memory(std::size_t pages, int flags = 0);
	/* As above, on a border of @alignment bytes, a power of two. */
	static Memory aligned(std::size_t pages, std::size_t alignment, int flags = 0);

	std::size_t pages() const { return bytes_.size() / page_size(); }
	std::byte *page(std::size_t index) const { return bytes_.data() + index * page_size(); }
	userfault::Address address(std::size_t index) const;
	std::size_t index_of(userfault::Address address) const;

	userfault::Range range() const { return range(0, pages()); }
	userfault::Range range(std::size_t first, std::size_t count) const;
	std::span<std::byte> bytes(std::size_t first, std::size_t count) const;

	/*
	 * Makes a hole. Whatever else this memory has stays mapped from then on until the test
	 * ends: by the end of this object's life somebody else may live in the hole.
	 */
	void unmap(std::size_t first, std::size_t count);

	/* The first word of a page: reading or writing it touches the page. */
	volatile std::uint64_t &word(std::size_t index) const;

private:
	Memory(userfault::Mapping mapping, std::span<std::byte> bytes);

	userfault::Mapping mapping_;
	std::span<std::byte> bytes_;
};

/*
 * The content that tests give to pages: every word of it depends on @seed and on its place, so a
 * page that is wrong, misplaced or half there is noticed.
 */
void write_pattern(std::span<std::byte> page, std::uint64_t seed);
bool has_pattern(std::span<const std::byte> page, std::uint64_t seed);
bool is_zero(std::span<const std::byte> bytes);

/* The first word of the pattern. */
std::uint64_t pattern_word(std::uint64_t seed);

/* Pages that have the patterns @first_seed, @first_seed + 1, and so on. */
Memory patterned(std::size_t pages, std::uint64_t first_seed = 0);

/* How many pages from the first on have the patterns @first_seed, @first_seed + 1, and so on. */
std::size_t count_patterned(const Memory &memory, std::uint64_t first_seed = 0);

} // namespace selftests

#endif
