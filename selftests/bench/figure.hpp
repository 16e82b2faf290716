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
	std::optional<double> native; /* nothing if native has nothing to compare with */
	std::optional<double> limit;  /* what the module may take at most */
	std::string limit_is;	      /* where the limit comes from, in words */

	/* Rounded to a thousandth, as ratios are printed; runs differ by up to three of these. */
	bool met() const { return !limit || std::lround(1000 * module / *limit) <= 1000; }
};

/* The results of one run. */
struct Results {
	std::string kernel;
	std::vector<Figure> figures;
};

} // namespace bench

#endif
