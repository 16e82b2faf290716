// SPDX-License-Identifier: GPL-2.0-only
#include "torture/stamp.hpp"

#include <algorithm>
#include <cstring>

namespace torture {

namespace {

/* From the top: what it is (6 bits), arena (8), page (12), generation or count (20), place (18). */
constexpr std::uint64_t of_stamp = 0x2a, of_slot = 0x15;
constexpr unsigned generation_bits = 20, place_bits = 18;

constexpr std::uint64_t word(std::uint64_t what, const Stamp &stamp, std::uint64_t number,
			     std::size_t place)
{
	const auto low = (1ull << generation_bits) - 1;

	return what << 58 | std::uint64_t{stamp.arena} << 50 | std::uint64_t{stamp.page} << 38 |
	       (number & low) << place_bits | place;
}

constexpr unsigned generation_of(std::uint64_t word)
{
	return word >> place_bits & ((1u << generation_bits) - 1);
}

} // namespace

std::size_t slot_place(std::size_t size, unsigned lane)
{
	return size / sizeof(std::uint64_t) - slots + lane;
}

void write_stamp(std::span<std::byte> page, const Stamp &stamp)
{
	auto *words = reinterpret_cast<std::uint64_t *>(page.data());

	for (std::size_t place = 0; place < page.size() / sizeof(*words); place++)
		words[place] = word(of_stamp, stamp, stamp.generation, place);
}

std::uint64_t slot_word(const Stamp &stamp, std::size_t place, unsigned count)
{
	return word(of_slot, stamp, count, place);
}

Reading read_stamp(const volatile std::uint64_t *page, std::size_t size, unsigned arena,
		   unsigned index, std::size_t step)
{
	const std::size_t end = slot_place(size, 0);
	Reading reading;

	for (std::size_t place = 0; place < end; place += step) {
		const std::uint64_t found = page[place];
		const auto generation = generation_of(found);

		if (!found) {
			reading.zeroes = true;
		} else if (found == word(of_stamp, {arena, index, 0}, generation, place)) {
			reading.oldest = std::min(reading.oldest, generation);
			reading.newest = std::max(reading.newest, generation);
		} else if (!reading.bad) {
			reading.bad = place;
			reading.bad_word = found;
		}
	}
	return reading;
}

} // namespace torture
