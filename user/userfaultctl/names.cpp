// SPDX-License-Identifier: MIT
#include "names.hpp"

#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/userfault.h>
#include <span>
#include <utility>

namespace userfaultctl {

namespace {

struct Bit {
	std::uint64_t bit;
	const char *name;
};

constexpr Bit features[] = {
	{UFFD_FEATURE_PAGEFAULT_FLAG_WP, "pagefault-flag-wp"},
	{UFFD_FEATURE_EVENT_FORK, "event-fork"},
	{UFFD_FEATURE_EVENT_REMAP, "event-remap"},
	{UFFD_FEATURE_EVENT_REMOVE, "event-remove"},
	{UFFD_FEATURE_MISSING_HUGETLBFS, "missing-hugetlbfs"},
	{UFFD_FEATURE_MISSING_SHMEM, "missing-shmem"},
	{UFFD_FEATURE_EVENT_UNMAP, "event-unmap"},
	{UFFD_FEATURE_SIGBUS, "sigbus"},
	{UFFD_FEATURE_THREAD_ID, "thread-id"},
	{UFFD_FEATURE_MINOR_HUGETLBFS, "minor-hugetlbfs"},
	{UFFD_FEATURE_MINOR_SHMEM, "minor-shmem"},
	{UFFD_FEATURE_EXACT_ADDRESS, "exact-address"},
	{UFFD_FEATURE_WP_HUGETLBFS_SHMEM, "wp-hugetlbfs-shmem"},
	{UFFD_FEATURE_WP_UNPOPULATED, "wp-unpopulated"},
	{UFFD_FEATURE_POISON, "poison"},
	{UFFD_FEATURE_WP_ASYNC, "wp-async"},
	{UFFD_FEATURE_MOVE, "move"},
	{UFFD_FEATURE_RWP, "rwp"},
	{UFFD_FEATURE_RWP_ASYNC, "rwp-async"},
};

constexpr Bit modes[] = {
	{UFFDIO_REGISTER_MODE_MISSING, "missing"},
	{UFFDIO_REGISTER_MODE_MINOR, "minor"},
	{UFFDIO_REGISTER_MODE_WP, "wp"},
	{UFFDIO_REGISTER_MODE_RWP, "rwp"},
};

constexpr Bit flags[] = {
	{O_CLOEXEC, "cloexec"},
	{O_NONBLOCK, "nonblock"},
	{UFFD_USER_MODE_ONLY, "user-mode-only"},
};

std::vector<std::string> names_of(std::uint64_t bits, std::span<const Bit> known)
{
	std::vector<std::string> names;

	for (const auto &[bit, name] : known)
		if (bits & bit) {
			names.emplace_back(name);
			bits &= ~bit;
		}
	if (bits)
		names.push_back(fmt::format("{:#x}", bits));
	return names;
}

} // namespace

std::vector<std::string> feature_names(std::uint64_t bits)
{
	return names_of(bits, features);
}

std::vector<std::string> mode_names(std::uint64_t bits)
{
	return names_of(bits, modes);
}

std::vector<std::string> flag_names(std::uint32_t bits)
{
	return names_of(bits, flags);
}

std::string memory_name(std::uint32_t memory)
{
	switch (memory) {
	case USERFAULT_MEMORY_ANON:
		return "anon";
	case USERFAULT_MEMORY_SHMEM:
		return "shmem";
	case USERFAULT_MEMORY_HUGETLB:
		return "hugetlb";
	case USERFAULT_MEMORY_FILE:
		return "file";
	}
	return fmt::format("memory-{}", memory);
}

std::string event_name(std::uint32_t event)
{
	switch (event) {
	case UFFD_EVENT_PAGEFAULT:
		return "pagefault";
	case UFFD_EVENT_FORK:
		return "fork";
	case UFFD_EVENT_REMAP:
		return "remap";
	case UFFD_EVENT_REMOVE:
		return "remove";
	case UFFD_EVENT_UNMAP:
		return "unmap";
	}
	return fmt::format("event-{:#x}", event);
}

std::string command_name(std::uint32_t number)
{
	switch (number) {
	case _UFFDIO_REGISTER:
		return "REGISTER";
	case _UFFDIO_UNREGISTER:
		return "UNREGISTER";
	case _UFFDIO_WAKE:
		return "WAKE";
	case _UFFDIO_COPY:
		return "COPY";
	case _UFFDIO_ZEROPAGE:
		return "ZEROPAGE";
	case _UFFDIO_MOVE:
		return "MOVE";
	case _UFFDIO_WRITEPROTECT:
		return "WRITEPROTECT";
	case _UFFDIO_CONTINUE:
		return "CONTINUE";
	case _UFFDIO_POISON:
		return "POISON";
	case _UFFDIO_RWPROTECT:
		return "RWPROTECT";
	case _UFFDIO_SET_MODE:
		return "SET_MODE";
	case _UFFDIO_API:
		return "API";
	}
	return fmt::format("{:#x}", number);
}

std::string error_name(int number)
{
	const char *name = number ? ::strerrorname_np(number) : "other";

	return name ? name : fmt::format("errno-{}", number);
}

std::string fault_name(const FaultCount &fault)
{
	return fmt::format("{}-{}-{}{}", mode_names(fault.mode).at(0), memory_name(fault.memory),
			   fault.kernel ? "kernel-" : "", fault.write ? "write" : "read");
}

std::string access_name(std::uint64_t bits)
{
	std::string name = bits & UFFD_PAGEFAULT_FLAG_WRITE ? "write" : "read";

	for (const auto &[bit, kind] :
	     {Bit{UFFD_PAGEFAULT_FLAG_WP, " (wp)"}, Bit{UFFD_PAGEFAULT_FLAG_MINOR, " (minor)"},
	      Bit{UFFD_PAGEFAULT_FLAG_RWP, " (rwp)"}})
		if (bits & bit)
			name += kind;
	return name;
}

} // namespace userfaultctl
