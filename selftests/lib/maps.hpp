/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MAPS_HPP
#define SELFTESTS_MAPS_HPP

#include "lib/memory.hpp"

#include <userfault/range.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

namespace selftests {

/* What /proc says about this process's memory, or that of one that has it at the same place. */

/* How many mappings (VMAs) lie, in whole or in part, in @range. */
std::size_t count_mappings(userfault::Range range);

/*
 * A field of /proc/self/smaps summed over the mappings that lie in @range, in bytes: "Rss",
 * "AnonHugePages", "Locked".
 */
std::size_t smaps_bytes(userfault::Range range, const std::string &field);

/* Whether every mapping in @range has @flag, such as "um", among its VmFlags. */
bool smaps_flag(userfault::Range range, const std::string &flag);

/*
 * For each page of @range what it is registered for: its flags among "um", "uw", "ui" and "ur", or
 * "none"; "hole" if nothing is mapped there.
 */
std::vector<std::string> registered_for(userfault::Range range, pid_t process = ::getpid());

/*
 * For each mapping in @range: where it is, what it is registered for, and which of its first pages
 * are there and which are write-protected.
 */
std::vector<std::string> describe_mappings(userfault::Range range);

/* The entry of a page in /proc/self/pagemap, and the flags of its frame in /proc/kpageflags. */
std::uint64_t pagemap_entry(userfault::Address address);
/* The entries of all pages of @memory, read at once. */
std::vector<std::uint64_t> pagemap_entries(const Memory &memory, pid_t process = ::getpid());
std::uint64_t page_flags(userfault::Address address);

/* A field of /proc/PID/status, in bytes: "VmPTE" is page tables, "HugetlbPages" huge pages. */
std::size_t status_bytes(const std::string &field, pid_t process = ::getpid());

/* Whether a page, present or not, is protected against writes, or against every access. */
bool is_protected_at(userfault::Address address);

/* The number of the page's frame. */
std::uint64_t frame_of(const Memory &memory, std::size_t index);

/* Whether a page is in the page table, and present. */
bool is_there(const Memory &memory, std::size_t index);

/*
 * While this lives, this process can't make another mapping, or only @but of them: the kernel's
 * limit is set to the number that it has.
 */
class NoMoreMappings {
public:
	explicit NoMoreMappings(std::size_t but = 0);
	~NoMoreMappings();
	NoMoreMappings(const NoMoreMappings &) = delete;
	NoMoreMappings &operator=(const NoMoreMappings &) = delete;

private:
	std::size_t before_ = 0;
};

/* In pagemap_entry(): */
inline constexpr std::uint64_t pagemap_present = 1ull << 63;
inline constexpr std::uint64_t pagemap_swapped = 1ull << 62;
inline constexpr std::uint64_t pagemap_file_or_shared = 1ull << 61;
inline constexpr std::uint64_t pagemap_write_protected = 1ull << 57;
inline constexpr std::uint64_t pagemap_exclusive = 1ull << 56;
inline constexpr std::uint64_t pagemap_soft_dirty = 1ull << 55;
inline constexpr std::uint64_t pagemap_frame = (1ull << 55) - 1;

} // namespace selftests

#endif
