// SPDX-License-Identifier: GPL-2.0-only
#include "clock.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace bench {

namespace {

/* How many instructions @work takes when no interrupt comes during it. */
template <class Work> Instructions undisturbed(Work work)
{
	auto least = std::numeric_limits<Instructions>::max();

	for (int i = 0; i < 100; i++) {
		const Stopwatch watch;

		work();
		least = std::min(least, watch.elapsed());
	}
	return least;
}

} // namespace

void Stopwatch::calibrate()
{
	constexpr Instructions turns = 10'000, tolerance = 10;

	own_ = undisturbed([] {});

	const auto counted = undisturbed([] { spin(turns); });

	if (counted < 2 * turns || counted > 2 * turns + tolerance)
		throw std::runtime_error("this machine's clock doesn't count instructions: "
					 "measure in a VM, scripts/vm --icount");
}

} // namespace bench
