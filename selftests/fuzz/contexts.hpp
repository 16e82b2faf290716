/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_CONTEXTS_HPP
#define FUZZ_CONTEXTS_HPP

#include "memory.hpp"

namespace fuzz {

/* Which call made the context that the call at @index is one of, or -1. */
int context_of(const Difference &difference, unsigned index);
/* Whether that call's context has memory in @ranges, or had it before the difference. */
bool has_held(const Difference &difference, int opening, const Ranges &ranges);
/* Whether memory that it is about may be registered with another context. */
bool has_other_context(const Difference &difference, unsigned index);

} // namespace fuzz

#endif
