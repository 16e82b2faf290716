// SPDX-License-Identifier: MIT
#include "bar.hpp"

#include <algorithm>
#include <cstdint>

namespace userfaultctl {

namespace {

/* Regions with no large gap between them. */
struct Cluster {
	std::uint64_t start = 0;
	std::uint64_t end = 0;

	std::uint64_t length() const { return end - start; }
};

std::uint64_t end_of(const Region &region)
{
	return region.start + region.length;
}

/* A gap is large if it is longer than all that is registered. */
std::vector<Cluster> clusters_of(const std::vector<Region> &regions)
{
	std::vector<Cluster> clusters;
	std::uint64_t registered = 0;

	for (const auto &region : regions)
		registered += region.length;
	for (const auto &region : regions) {
		if (!clusters.empty() && region.start - clusters.back().end <= registered)
			clusters.back().end = end_of(region);
		else
			clusters.push_back({region.start, end_of(region)});
	}
	return clusters;
}

std::uint64_t registered_in(const std::vector<Region> &regions, std::uint64_t start,
			    std::uint64_t end)
{
	std::uint64_t sum = 0;

	for (const auto &region : regions) {
		const auto from = std::max(region.start, start), to = std::min(end_of(region), end);

		sum += to > from ? to - from : 0;
	}
	return sum;
}

char cell(const std::vector<Region> &regions, const std::vector<Waiter> &waiters,
	  std::uint64_t start, std::uint64_t end)
{
	const auto registered = registered_in(regions, start, end);

	if (std::ranges::any_of(waiters, [&](const Waiter &waiter) {
		    return waiter.address >= start && waiter.address < end;
	    }))
		return '!';
	if (!registered)
		return '.';
	return registered == end - start ? '#' : '+';
}

} // namespace

std::string bar_of(const std::vector<Region> &regions, const std::vector<Waiter> &waiters,
		   unsigned width)
{
	auto clusters = clusters_of(regions);
	std::uint64_t shown = 0;
	std::string bar;

	if (clusters.empty())
		return bar;
	/* Each takes a character, and one before it: if there are too many, they are one. */
	if (2 * clusters.size() > width)
		clusters = {{clusters.front().start, clusters.back().end}};
	for (const auto &cluster : clusters)
		shown += cluster.length();
	const auto left = static_cast<double>(width - (2 * clusters.size() - 1));
	for (const auto &cluster : clusters) {
		const auto share =
			static_cast<double>(cluster.length()) / static_cast<double>(shown);
		const auto cells = 1 + static_cast<std::uint64_t>(share * left);

		bar += bar.empty() ? "" : "~";
		for (std::uint64_t i = 0; i < cells; i++)
			bar += cell(regions, waiters, cluster.start + cluster.length() / cells * i,
				    i + 1 == cells
					    ? cluster.end
					    : cluster.start + cluster.length() / cells * (i + 1));
	}
	return bar;
}

} // namespace userfaultctl
