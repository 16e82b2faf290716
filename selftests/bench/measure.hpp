/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_MEASURE_HPP
#define BENCH_MEASURE_HPP

#include "figure.hpp"

#include <span>
#include <string>

namespace bench {

/*
 * Measures on this machine each subject that has one of @parts in its name, or all if there are no
 * parts. Prints on stderr what it measures. Throws if this machine is not fit for it, or if
 * something fails.
 */
Results measure(std::span<const std::string> parts);

} // namespace bench

#endif
