/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_HEAP_HPP
#define SELFTESTS_HEAP_HPP

#include <userfault/range.hpp>

#include <cstddef>

namespace selftests {

/*
 * Pages after the program's heap, made by brk(2). Nobody may enlarge the heap meanwhile: shrink()
 * would take that away, too.
 */
class Heap {
public:
	explicit Heap(std::size_t pages);

	userfault::Range range(std::size_t first, std::size_t count) const;
	std::byte *page(std::size_t index) const { return end_ + index * userfault::page_size(); }

	/* Make all of the pages again; unmap all, or all but the first @left. False if it fails. */
	bool grow() const { return end_at(end_ + length_); }
	bool shrink(std::size_t left = 0) const { return end_at(page(left)); }

private:
	static bool end_at(std::byte *end);

	std::byte *end_;
	std::size_t length_;
};

} // namespace selftests

#endif
