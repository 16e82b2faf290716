/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_QUESTIONS_HPP
#define FUZZ_QUESTIONS_HPP

#include "memory.hpp"

#include <algorithm>
#include <initializer_list>
#include <iterator>

/* What the reasons ask of a difference. */
namespace fuzz {

bool is_one_of(unsigned code, std::initializer_list<unsigned> codes);
/* Whether no record differs. */
bool in_states(const Difference &difference);
/*
 * What other pages in @ranges a call or an access finds, or whom it wakes, and what is read of
 * that: not what a command answers, nor what an access finds in its page.
 */
bool is_about_faults(const Difference &difference, const Ranges &ranges);
/* Whether nothing differs but protection in @ranges, or a fault there. */
bool is_about_protection(const Difference &difference, const Ranges &ranges);

/* Whether a call before the difference, or the one that shows it, was such a one. */
template <class Predicate> bool came_before(const Difference &difference, Predicate &&predicate)
{
	const auto &records = difference.module.records;

	return std::any_of(records.begin(), records.begin() + std::ptrdiff_t(difference.at),
			   [&](const fuzz_record &record) {
				   return record.kind == FUZZ_RESULT &&
					  predicate(difference.program.calls[record.call], record);
			   });
}

/*
 * The ranges of calls before the difference that @predicate is true for: those that they change, or
 * those that they touch.
 */
template <class Predicate>
Ranges ranges_of_calls(const Difference &difference, Predicate &&predicate,
		       Ranges (*ranges_of)(const fuzz_call &) = changed_by)
{
	Ranges ranges;

	came_before(difference, [&](const auto &call, const auto &record) {
		if (predicate(call, record))
			std::ranges::copy(ranges_of(call), std::back_inserter(ranges));
		return false;
	});
	return followed(ranges, difference);
}

} // namespace fuzz

#endif
