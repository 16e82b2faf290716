/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_CHILD_HPP
#define BENCH_CHILD_HPP

#include <functional>
#include <vector>

namespace bench {

/*
 * What @work returns, done in a child process: in memory that looks the same every time, whatever
 * was done before. Throws if it fails, after the child has said why.
 */
std::vector<double> in_child(const std::function<std::vector<double>()> &work);

} // namespace bench

#endif
