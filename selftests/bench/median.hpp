/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_MEDIAN_HPP
#define BENCH_MEDIAN_HPP

#include <algorithm>
#include <vector>

namespace bench {

/* Of at least one value; of the two in the middle the larger. */
template <class T> T median(std::vector<T> values)
{
	const auto middle = values.begin() + values.size() / 2;

	std::ranges::nth_element(values, middle);
	return *middle;
}

} // namespace bench

#endif
