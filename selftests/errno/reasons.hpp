/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why the module may answer a call differently from native userfaultfd of the running kernel: the
 * one place for such reasons, for the tests of this folder and for the fuzzer.
 * Documentation/userfault.rst tells users of them.
 */
#ifndef SELFTESTS_REASONS_HPP
#define SELFTESTS_REASONS_HPP

#include "errno/rows.hpp"

namespace selftests {

struct Reason {
	bool (*covers)(const Row &module, const Row &native);
	const char *text;
};

/* The reason for a difference, or null. */
const Reason *reason_for(const Row &module, const Row &native);

/* The kernel that is running: 6012 for 6.12. */
unsigned kernel();

} // namespace selftests

#endif
