/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_GROUND_HPP
#define BENCH_GROUND_HPP

#include <userfault/mapping.hpp>
#include <userfault/range.hpp>

#include <cstddef>
#include <span>

namespace bench {

using userfault::page_size;

enum class GroundKind { anonymous, shmem, hugetlb };

/*
 * Anonymous memory to measure on, counted in pages: private, or shared in shmem or hugetlb. It
 * begins at a multiple of 2 MiB, like a page table, and keeps its distance from all other memory,
 * so that its VMA never merges with another one.
 */
class Ground {
public:
	explicit Ground(std::size_t pages, GroundKind kind = GroundKind::anonymous);

	std::size_t pages() const { return bytes_.size() / page_size(); }
	std::span<std::byte> bytes() const { return bytes_; }
	userfault::Address address(std::size_t page) const
	{
		return range().start + page * page_size();
	}
	userfault::Range range() const { return userfault::Range::of(bytes_); }
	userfault::Range range(std::size_t first, std::size_t count) const
	{
		return {address(first), count * page_size()};
	}

	/* Reads a byte of a page, which faults if the page isn't there. */
	void touch(std::size_t page) const
	{
		*static_cast<const volatile std::byte *>(bytes_.data() + page * page_size());
	}

	/* Writes a byte of a page. */
	void write(std::size_t page) const
	{
		*static_cast<volatile std::byte *>(bytes_.data() + page * page_size()) =
			std::byte{1};
	}

	/* Fills all pages with something. */
	void fill() const;
	/* Makes all pages missing again. The page tables stay. */
	void drop() const;
	/* Takes all pages out of the page tables; files keep them. */
	void unmap() const;

private:
	void map_shared(int flags) const;

	userfault::Mapping mapping_;
	std::span<std::byte> bytes_;
	GroundKind kind_;
};

} // namespace bench

#endif
