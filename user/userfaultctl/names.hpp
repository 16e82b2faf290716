/* SPDX-License-Identifier: MIT */
#pragma once

/* The names of what <linux/userfault.h> numbers, in small letters, as userfaultctl prints them. */

#include "model.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace userfaultctl {

/* Bits without a name are given in hexadecimal. */
std::vector<std::string> feature_names(std::uint64_t features);
std::vector<std::string> mode_names(std::uint64_t modes);
std::vector<std::string> flag_names(std::uint32_t flags);
std::string memory_name(std::uint32_t memory);
std::string event_name(std::uint32_t event);
/* Without UFFDIO_, in capital letters. */
std::string command_name(std::uint32_t number);
/* "EEXIST"; "other" for 0. */
std::string error_name(int number);
/* "missing-anon-write": as fdinfo has it. */
std::string fault_name(const FaultCount &fault);
/* What a waiter wanted: "read", "write"; "write (wp)" for a write to a protected page. */
std::string access_name(std::uint64_t flags);

} // namespace userfaultctl
