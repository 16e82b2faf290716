/* SPDX-License-Identifier: MIT */
#pragma once

/* What each command of userfaultctl does. Each throws what Client throws. */

#include "client.hpp"
#include "output.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace userfaultctl {

/* All contexts that the user may see. */
void list(Client &client, const Output &output);

/* One context, with its regions, its waiters and its counters. */
void show(Client &client, const Output &output, std::uint64_t id);

/*
 * What all contexts, or context @id, have counted: since they were made, or, if there is an
 * @interval, in each interval, @times times or for ever.
 */
void stat(Client &client, const Output &output, std::optional<std::uint64_t> id,
	  std::optional<std::chrono::milliseconds> interval, std::optional<unsigned> times);

/* What @device offers, and what the kernel's own userfaultfd does. */
void features(const Output &output, const std::string &device);

/*
 * What is wrong, with the next step for each: with the module and @device; and with contexts in
 * which a thread has waited for more than a second. Returns whether nothing is.
 */
bool doctor(const Output &output, const std::string &device);

} // namespace userfaultctl
