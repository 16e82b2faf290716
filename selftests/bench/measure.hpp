/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_MEASURE_HPP
#define BENCH_MEASURE_HPP

#include "figure.hpp"

#include <span>
#include <string>

namespace bench {

/*
 * Measures on this machine what has one of @parts in its name, everything if there are none. Says
 * on stderr where it is. Throws if the machine isn't one to measure on, or if something fails.
 */
Results measure(std::span<const std::string> parts);

} // namespace bench

#endif
