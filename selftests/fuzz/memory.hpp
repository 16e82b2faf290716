/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_MEMORY_HPP
#define FUZZ_MEMORY_HPP

#include "compare.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

namespace fuzz {

/* Whole pages, anywhere. */
struct Range {
	std::uint64_t start, end;

	bool overlaps(const Range &other) const { return start < other.end && other.start < end; }
};

using Ranges = std::vector<Range>;

/* As the calls round it (mappings.c). */
Range pages_of(std::uint64_t start, std::uint64_t length);

bool overlap(const Ranges &some, const Ranges &others);
/* Of pages, by their index in the arena: whether there are any, and @ranges have all of them. */
bool have_all(const Ranges &ranges, const std::set<unsigned> &pages);

/* Where a call may fault, and wait. */
Ranges touched_by(const fuzz_call &call);
/* What a call maps, unmaps, registers, unregisters, fills or protects. */
Ranges changed_by(const fuzz_call &call);
/* @ranges, and where mremap() has moved them before the difference. */
Ranges followed(Ranges ranges, const Difference &difference);
/* The huge pages that have a part in @ranges. */
Ranges whole_huge_pages(Ranges ranges);
/* Where memory of one of these kinds may be mapped. */
Ranges mapped_as(std::initializer_list<fuzz_memory> kinds, const Difference &difference);

/* In which pages the states at the end differ, if no record does. */
struct StateDifference {
	std::set<unsigned> protection, registration, contents;
	std::set<unsigned> appeared;	  /* there on the module alone */
	std::set<unsigned> kept_natively; /* what only there is registered or protected */
	std::set<unsigned> differing;	  /* in anything */
	bool access = false;		  /* in what is mapped, or what may be done with it */
	bool other = false;		  /* in more than that and the borders of mappings */
	bool fewer_huge_natively = false; /* other is that the module has more huge pages */
	bool only_counts = false;	  /* other is how many pages it takes, and of which size */
	std::ptrdiff_t more_natively = 0; /* how many more mappings there are, or fewer */

	/* Nothing but that pages are there on the module, and borders. */
	bool only_appeared() const
	{
		return !access && protection.empty() && registration.empty() &&
		       differing == appeared;
	}
	/* Nothing but borders. */
	bool only_borders() const
	{
		return !other && protection.empty() && registration.empty() && contents.empty();
	}
};

StateDifference difference_of_states(const Difference &difference);

} // namespace fuzz

#endif
