/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_GUEST_LAYOUT_HPP
#define SELFTESTS_GUEST_LAYOUT_HPP

#include "lib/guest_code.hpp"

#include <cstddef>
#include <cstdint>
#include <userfault/range.hpp>

/*
 * Where a guest (guest.hpp) has what: its physical addresses, which are its virtual ones, too. Its
 * own memory begins at 0, that of the test at watched. The page tables map the first GiB.
 */
namespace selftests::layout {

using userfault::Address;

inline constexpr Address code = 0, handlers = 0x1000, segments = 0x2000, async_faults = guest_async,
			 page_tables = 0x3000, stacks = 0x6000, stack_size = 0x400;
inline constexpr std::size_t own_pages = 7;
inline constexpr Address watched = 16 << 20;

/* In the table of segments: */
inline constexpr std::uint16_t code_selector = 8, data_selector = 16, segments_size = 24;

/* In the table of handlers: */
inline constexpr std::size_t page_fault = 14, ready_interrupt = 0x40;

inline Address address_of(const std::byte *instructions)
{
	return code + static_cast<Address>(instructions - guest_code);
}

} // namespace selftests::layout

#endif
