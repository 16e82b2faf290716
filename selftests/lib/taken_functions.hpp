/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TAKEN_FUNCTIONS_HPP
#define SELFTESTS_TAKEN_FUNCTIONS_HPP

#include <string>

namespace selftests {

/* A line for each function of the kernel that is taken over through ftrace, and by whom. */
std::string taken_functions();

bool is_taken(const std::string &function);

} // namespace selftests

#endif
