/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_MESSAGES_HPP
#define FUZZ_MESSAGES_HPP

#include "memory.hpp"

namespace fuzz {

/*
 * Whether natively the context that the call at @opening made has something else to read, and no
 * more.
 */
bool has_no_more_to_read_natively(const Difference &difference, int opening);
/* Whether it is a message about memory in @ranges, as far as the call tells. */
bool is_about_messages(const Difference &difference, const Ranges &ranges);
/* The same, if only the module has it. */
bool is_told_on_module_alone(const Difference &difference, const Ranges &ranges);
/* Whether the module alone tells of an unmapping after all that native userfaultfd tells. */
bool has_unmapping_too(const Difference &difference);

} // namespace fuzz

#endif
