/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_WAKING_HPP
#define FUZZ_WAKING_HPP

#include "compare.hpp"

/* Reasons why other threads go on, or in another order (reasons.cpp). */
namespace fuzz {

/* What a thread waits for has changed. */
bool wakes_more_threads(const Difference &difference);
/* A command has done its work, and can't write its result. */
bool wakes_without_result(const Difference &difference);
bool wakes_in_another_order(const Difference &difference);

} // namespace fuzz

#endif
