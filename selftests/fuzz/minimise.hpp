/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_MINIMISE_HPP
#define FUZZ_MINIMISE_HPP

#include "program.hpp"

#include <functional>

namespace fuzz {

void remove_call(fuzz_program &program, unsigned index);

/*
 * A smaller program for which @holds still does: with fewer calls, fewer threads, and arguments
 * that are passed from an ordinary place.
 */
fuzz_program minimise(fuzz_program program, const std::function<bool(const fuzz_program &)> &holds);

} // namespace fuzz

#endif
