/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_LEAKING_HPP
#define SELFTESTS_TORTURE_LEAKING_HPP

namespace torture {

/*
 * The lie "leaks": keeps something of each kind that is counted after a round, in this process and
 * in a control group, as if the kernel had forgotten it.
 */
void leak_everything();
/* In this process: more than wrong_counters() takes for right. */
void leak_huge_pages_of_process();

} // namespace torture

#endif
