/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_REMAPPING_HPP
#define FUZZ_REMAPPING_HPP

#include "memory.hpp"

/* The reason for what mremap() natively unregisters (reasons.cpp). */
namespace fuzz {

/*
 * Where mremap() took memory from and to, and the registered mappings that it became a part of, if
 * there is a context that isn't told of it.
 */
Ranges moved_untold(const Difference &difference);
/* Natively more is unregistered than has moved. */
bool unregisters_only_what_mremap_moved(const Difference &difference);

} // namespace fuzz

#endif
