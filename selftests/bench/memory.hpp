/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_MEMORY_HPP
#define BENCH_MEMORY_HPP

#include "figure.hpp"

#include <vector>

namespace bench {

/* How many bytes of the kernel's memory a context and a waiting fault take. */
std::vector<Figure> measure_memory();

} // namespace bench

#endif
