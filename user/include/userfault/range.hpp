/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace userfault {

/*
 * An address in the process that made a context. It is a number and not a pointer, because the
 * monitor is often another process.
 */
using Address = std::uint64_t;

/* Bytes of that process's memory: @length of them from @start on. */
struct Range {
	Address start = 0;
	std::uint64_t length = 0;

	/* The memory of the calling process that @bytes cover. */
	static Range of(std::span<const std::byte> bytes) noexcept
	{
		return {reinterpret_cast<Address>(bytes.data()), bytes.size()};
	}

	/* The first address after the range. */
	Address end() const noexcept { return start + length; }
	bool contains(Address address) const noexcept { return address - start < length; }

	friend bool operator==(const Range &, const Range &) = default;
};

/* The size of a page of ordinary memory, in bytes. */
std::size_t page_size() noexcept;

/* @address rounded down to the start of its page. */
Address page_start(Address address) noexcept;

/* @length rounded up to whole pages. */
std::uint64_t whole_pages(std::uint64_t length) noexcept;

} // namespace userfault
