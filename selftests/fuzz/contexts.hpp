/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_CONTEXTS_HPP
#define FUZZ_CONTEXTS_HPP

#include "compare.hpp"

namespace fuzz {

/* Which call made the context that the call at @index is one of, or -1. */
int context_of(const Difference &difference, unsigned index);
/* Whether memory that it is about may be registered with another context. */
bool has_other_context(const Difference &difference, unsigned index);

} // namespace fuzz

#endif
