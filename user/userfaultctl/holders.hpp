/* SPDX-License-Identifier: MIT */
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userfaultctl {

/* A process that has a descriptor of a context open. */
struct Holder {
	pid_t pid = 0;
	std::string comm;
};

/*
 * Who holds which context, by the contexts' ids: as far as /proc shows it to the user. Processes
 * come and go meanwhile.
 */
std::map<std::uint64_t, std::vector<Holder>> find_holders();

/* Whether the page at @address of a process is in memory or in swap; no if /proc doesn't say. */
bool page_is_there(pid_t pid, std::uint64_t address);

} // namespace userfaultctl
