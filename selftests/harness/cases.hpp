/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_CASES_HPP
#define SELFTESTS_CASES_HPP

#include "harness/backend.hpp"

#include <string>
#include <vector>

namespace selftests {

struct Case {
	std::string name;
	bool slow;  /* tagged [slow]: may take a multiple of the usual time */
	bool loads; /* tagged [load]: no other process may have a context */
	bool kvm;   /* tagged [kvm]: starts virtual machines */
};

/*
 * The test cases of @backend that one of @specs (names, wildcards, tags: what Catch2 takes)
 * selects, in the order of the source. A test tagged [module] or [native] belongs to that backend
 * only.
 */
std::vector<Case> select_cases(Backend backend, const std::vector<std::string> &specs);

/* Runs one test in this process, prints failures to standard output; true if it passed. */
bool run_case(const std::string &name);

} // namespace selftests

#endif
