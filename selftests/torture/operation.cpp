// SPDX-License-Identifier: GPL-2.0-only
#include "torture/operation.hpp"

#include "torture/shared.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace torture {

namespace {

std::vector<Operation> all_kinds_of_operations()
{
	std::vector<Operation> all;

	for (const auto *kind : {&touching, &answering, &advising, &mapping, &protecting, &forking,
				 &killing, &passing, &placing, &ruling, &watching, &lying})
		all.insert(all.end(), kind->begin(), kind->end());
	if (all.size() > most_operations) {
		std::cerr << "torture: most_operations is less than " << all.size() << '\n';
		std::abort();
	}
	return all;
}

std::size_t draw_operation(Role role, Random &random)
{
	const auto &all = operations();
	std::size_t sum = 0;

	for (const auto &each : all)
		sum += each.role == role ? each.weight : 0;
	auto left = random.below(sum);
	for (std::size_t i = 0;; i++) {
		if (all[i].role != role)
			continue;
		if (left < all[i].weight)
			return i;
		left -= all[i].weight;
	}
}

/* Most is done to these, so that much happens to the same page. */
constexpr std::size_t hot_pages = 16;

std::size_t draw_kind(Traits needs, Random &random)
{
	std::vector<std::size_t> suitable;

	for (std::size_t i = 0; i < kinds().size(); i++)
		if (has(kinds()[i].traits, needs))
			suitable.push_back(i);
	return suitable[random.below(suitable.size())];
}

} // namespace

const std::vector<Operation> &operations()
{
	static const auto all = all_kinds_of_operations();

	return all;
}

Step draw_step(Role role, Random &random)
{
	Step step;

	step.operation = draw_operation(role, random);
	step.kind = draw_kind(operations()[step.operation].needs, random);
	const auto pages = kinds()[step.kind].pages;
	step.page = random.below(random.one_in(4) ? pages : std::min(pages, hot_pages));
	return step;
}

} // namespace torture
