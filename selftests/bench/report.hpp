/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_REPORT_HPP
#define BENCH_REPORT_HPP

#include "figure.hpp"

#include <iosfwd>

namespace bench {

void write_json(std::ostream &out, const Results &results);

/* Reads what write_json() has written; throws if it is something else. */
Results read_json(std::istream &in);

/* Prints the figures as a table; returns whether all targets were met. */
bool print_table(std::ostream &out, const Results &results);

/* Prints how much two runs differ; returns whether it is no more than the share @tolerance. */
bool print_difference(std::ostream &out, const Results &one, const Results &other,
		      double tolerance);

} // namespace bench

#endif
