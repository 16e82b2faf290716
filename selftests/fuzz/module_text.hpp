/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_MODULE_TEXT_HPP
#define FUZZ_MODULE_TEXT_HPP

#include <cstdint>
#include <map>
#include <string>

namespace fuzz {

/*
 * Where the module's code is that programs can reach: the address of each section, by its name.
 * Not what runs only when the module is loaded or unloaded: the kernel frees some of that, and what
 * is there then may be of another module. Empty, if the kernel doesn't record what is reached.
 */
std::map<std::string, std::uint64_t> text_of_module();

/* The lowest address of these. */
std::uint64_t start_of(const std::map<std::string, std::uint64_t> &sections);

} // namespace fuzz

#endif
