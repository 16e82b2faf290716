/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_AFTERMATH_HPP
#define SELFTESTS_AFTERMATH_HPP

#include "harness/kmemleak.hpp"
#include "harness/ktap.hpp"

namespace selftests {

/* Judges what no single test can be charged with: reports one result. */
void judge_leaks(const Kmemleak &kmemleak, Ktap &report);

/*
 * For tests that were run by others: a report of its own, of the kernel's log since it was first
 * marked with "userfault selftests: ", and of leaked memory where the kernel can tell.
 */
ExitCode report_aftermath(Ktap &report);

} // namespace selftests

#endif
