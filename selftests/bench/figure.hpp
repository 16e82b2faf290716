/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_FIGURE_HPP
#define BENCH_FIGURE_HPP

#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace bench {

struct Figure {
	std::string name;
	std::string unit;
	double module;
	std::optional<double> native; /* nothing, where there is nothing to compare with */
	std::optional<double> limit;  /* what the module may take at most */
	std::string limit_is;	      /* where that comes from, in words */

	/* To the thousandth that a ratio is printed with; a run repeats to three of them. */
	bool met() const { return !limit || std::lround(1000 * module / *limit) <= 1000; }
};

/* What one run came to. */
struct Results {
	std::string kernel;
	std::vector<Figure> figures;
};

} // namespace bench

#endif
