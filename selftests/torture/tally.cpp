// SPDX-License-Identifier: GPL-2.0-only
#include "torture/tally.hpp"

#include "torture/operation.hpp"

#include <algorithm>
#include <iomanip>
#include <ostream>

namespace torture {

std::uint64_t Tally::tried(std::size_t operation) const
{
	std::uint64_t sum = 0;

	for (std::size_t i = 0; i < counts_[operation].size(); i++)
		if (static_cast<Outcome>(i) != Outcome::skipped &&
		    static_cast<Outcome>(i) != Outcome::lacking)
			sum += counts_[operation][i];
	return sum;
}

void Tally::print_outcomes(std::ostream &out, std::size_t operation) const
{
	bool any = false;

	for (std::size_t outcome = 0; outcome < counts_[operation].size(); outcome++) {
		if (!counts_[operation][outcome])
			continue;
		out << (any ? ", " : "") << counts_[operation][outcome] << ' '
		    << name_of(static_cast<Outcome>(outcome));
		any = true;
	}
	out << (any ? "" : "never");
}

void Tally::print(std::ostream &out, const Tally &other) const
{
	out << std::left << std::setw(38) << "operation" << "outcomes (natively, beside)\n";
	for (std::size_t i = 0; i < operations().size(); i++) {
		if (!tried(i) && operations()[i].must.empty())
			continue; /* a lie, which was not told */
		out << std::left << std::setw(38) << operations()[i].name;
		print_outcomes(out, i);
		if (operations()[i].role != Role::boss) {
			out << " (";
			other.print_outcomes(out, i);
			out << ')';
		}
		out << '\n';
	}
}

/* How often it should have been drawn, by what was drawn for all of its role. */
double Tally::expected(std::size_t operation) const
{
	const auto &all = operations();
	double drawn = 0, weights = 0;

	for (std::size_t i = 0; i < all.size(); i++) {
		if (all[i].role != all[operation].role || all[i].must.empty())
			continue;
		weights += all[i].weight;
		for (const auto &count : counts_[i])
			drawn += count;
	}
	return drawn * all[operation].weight / weights;
}

bool Tally::was_to_happen(std::size_t operation) const
{
	const auto &each = operations()[operation];
	const auto offered = static_cast<userfault::Features>(offered_.load());

	return !each.must.empty() && has(offered, each.features) &&
	       expected(operation) - count(operation, Outcome::lacking) > 3.0 * each.enough;
}

bool Tally::print_missing(std::ostream &out) const
{
	bool any = false;

	for (std::size_t i = 0; i < operations().size(); i++) {
		const auto &operation = operations()[i];
		if (!tried(i) && was_to_happen(i)) {
			out << "torture: WRONG: \"" << operation.name << "\" never happened\n";
			any = true;
		}
		for (const auto outcome : operation.must) {
			if (count(i, outcome) || tried(i) < operation.enough)
				continue;
			out << "torture: WRONG: of " << tried(i) << " times, \"" << operation.name
			    << "\" never ended with: " << name_of(outcome) << '\n';
			any = true;
		}
	}
	return any;
}

} // namespace torture
