/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_AFTERMATH_HPP
#define SELFTESTS_AFTERMATH_HPP

#include "harness/kmemleak.hpp"
#include "harness/ktap.hpp"

namespace selftests {

/* Reports one result for leaked memory, which no single test can be blamed for. */
void judge_leaks(const Kmemleak &kmemleak, Ktap &report);

/*
 * A separate report on what tests of other programs have left in the kernel: complaints in the log
 * that no earlier run of tests has read, and leaked memory if the kernel has kmemleak.
 */
ExitCode report_aftermath(Ktap &report);

} // namespace selftests

#endif
