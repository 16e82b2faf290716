/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_CHILD_HPP
#define BENCH_CHILD_HPP

#include <functional>
#include <vector>

namespace bench {

/*
 * Runs @work in a child process and returns its result. The child's memory looks the same each
 * time, whatever ran before. If @work fails, the child prints why, and this function throws.
 */
std::vector<double> in_child(const std::function<std::vector<double>()> &work);

} // namespace bench

#endif
