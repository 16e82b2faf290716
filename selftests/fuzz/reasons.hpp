/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_REASONS_HPP
#define FUZZ_REASONS_HPP

#include "compare.hpp"

namespace fuzz {

/*
 * Why the module may do something else than native userfaultfd there, or null. The reasons for
 * single calls are those of selftests/errno; here are reasons for what only several calls show.
 * Each is a difference that Documentation/userfault.rst describes.
 */
const char *reason_for(const Difference &difference);

} // namespace fuzz

#endif
