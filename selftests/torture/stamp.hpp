/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_STAMP_HPP
#define SELFTESTS_TORTURE_STAMP_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace torture {

/*
 * The content of a page. Each word of it, by itself, says to which page it belongs, at which place
 * in the page it stands, and in which generation of the page it was made. So a reader notices a
 * word that is elsewhere, of another page, or too old, wherever it looks.
 *
 * The last words of a page are slots: each belongs to one lane, the only thread that writes to it.
 */
struct Stamp {
	unsigned arena;
	unsigned page;
	unsigned generation;
};

inline constexpr unsigned slots = 8;

/* Where the slot of @lane is in a page of @size bytes, in words. */
std::size_t slot_place(std::size_t size, unsigned lane);

/* Writes every word of a page. */
void write_stamp(std::span<std::byte> page, const Stamp &stamp);

/* What a lane writes to its slot; @count is the number of the write. */
std::uint64_t slot_word(const Stamp &stamp, std::size_t place, unsigned count);

/* What a reader found in a page, except the slots. */
struct Reading {
	bool zeroes = false;   /* there are words of zero */
	unsigned oldest = ~0u; /* generation; more than newest if there are zeroes only */
	unsigned newest = 0;
	std::optional<std::size_t>
		bad; /* the place of a word that is neither zero nor of this page */
	std::uint64_t bad_word = 0;
};

/*
 * Reads every @step'th word of a page. The page may change at any moment, and reading it may wait.
 */
Reading read_stamp(const volatile std::uint64_t *page, std::size_t size, unsigned arena,
		   unsigned index, std::size_t step);

} // namespace torture

#endif
