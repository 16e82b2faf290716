/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_EVIDENCE_HPP
#define SELFTESTS_TORTURE_EVIDENCE_HPP

#include "torture/arena.hpp"
#include "torture/outcome.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace torture {

/*
 * Many calls give the kernel advice, and succeed if it does nothing at all. These tell whether it
 * has done something. Others work on the same pages, and the whole machine counts the same events:
 * so this may be wrong now and then in both directions, and says only that something does happen.
 */

inline Outcome done_if(bool something)
{
	return something ? Outcome::done : Outcome::nothing;
}

/* Something that /proc/vmstat counts. */
class Event {
public:
	explicit Event(std::string name);

	/* Since this object was made. */
	bool has_happened() const;

private:
	std::string name_;
	std::uint64_t before_;
};

/* The kernel's entry for each of these pages in /proc/self/pagemap; 0 if it has none. */
std::vector<std::uint64_t> pagemap(const Arena &arena, std::size_t first, std::size_t count);
/* That of one page; allocates no memory. */
std::uint64_t pagemap_entry(const Arena &arena, std::size_t index);
inline constexpr std::uint64_t present_bit = 1ull << 63, swapped_bit = 1ull << 62,
			       protected_bit = 1ull << 57, frame_bits = (1ull << 55) - 1;

/* The frame of the page in an entry of pagemap; 0 if it isn't there. */
constexpr std::uint64_t frame_in(std::uint64_t entry)
{
	return entry & present_bit ? entry & frame_bits : 0;
}

/* The bits of /proc/kpageflags of the page in an entry of pagemap; 0 if that can't be known. */
std::uint64_t flags_of(std::uint64_t entry);
inline constexpr std::uint64_t referenced_flag = 1ull << 2, active_flag = 1ull << 6,
			       anonymous_flag = 1ull << 12, swap_backed_flag = 1ull << 14,
			       huge_flag = 1ull << 22;

/* Whether any of these pages is there, or in swap. */
bool has_pages(const Arena &arena, std::size_t first, std::size_t count);
/* Whether this page is part of a huge one. */
bool is_huge_page(const Arena &arena, std::size_t index);
/* How many of these pages are in swap. */
std::size_t count_swapped(const Arena &arena, std::size_t first, std::size_t count);
/* How many of these pages mm may take away without swapping them out, after MADV_FREE. */
std::size_t count_free(const Arena &arena, std::size_t first, std::size_t count);
/* How many of these pages mm takes for used, not long ago. */
std::size_t count_used(const Arena &arena, std::size_t first, std::size_t count);

/* Whether the machine has somewhere to swap to. */
bool has_swap();

} // namespace torture

#endif
