/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_CONTEXTS_HPP
#define FUZZ_CONTEXTS_HPP

#include "compare.hpp"

namespace fuzz {

/* Whether memory that @call is about may be registered with another context than its own. */
bool has_other_context(const Difference &difference, const fuzz_call &call);

} // namespace fuzz

#endif
