/* SPDX-License-Identifier: MIT */
#pragma once

#include "model.hpp"

#include <string>
#include <vector>

namespace userfaultctl {

/*
 * The regions from the lowest address to the highest, on @width characters: '#' where all of what a
 * character stands for is registered, '+' where some of it is, '.' where nothing is, and '!' where
 * a thread waits. Gaps that take more than their share of the width are cut short, as '~'.
 */
std::string bar_of(const std::vector<Region> &regions, const std::vector<Waiter> &waiters,
		   unsigned width);

} // namespace userfaultctl
