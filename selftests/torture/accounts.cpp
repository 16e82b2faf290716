// SPDX-License-Identifier: GPL-2.0-only
#include "torture/accounts.hpp"

#include "torture/files.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <unistd.h>

namespace torture {

namespace {

constexpr auto settling_time = std::chrono::seconds(20);
constexpr auto huge_pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/";

std::uint64_t distance(std::uint64_t one, std::uint64_t other)
{
	return one > other ? one - other : other - one;
}

} // namespace

Accounts::Accounts() : before_(now()) {}

/*
 * Processors count by themselves, and add up later; stat_refresh has them do it now. For swap there
 * are lists of free slots on each processor, too.
 */
Accounts::Counts Accounts::now()
{
	Counts counts;

	write_file("/proc/sys/vm/stat_refresh", "1");
	for (const std::string name : {"free_hugepages", "resv_hugepages", "surplus_hugepages"})
		counts[name] = {number_in(huge_pages + name), 0};
	counts["nr_shmem"] = {field("/proc/vmstat", "nr_shmem"), 8};
	/* Each processor keeps a batch of pages that are no longer locked. */
	counts["nr_mlock"] = {field("/proc/vmstat", "nr_mlock"), 64};
	counts["nr_anon_pages"] = {field("/proc/vmstat", "nr_anon_pages"), 96};
	counts["nr_page_table_pages"] = {field("/proc/vmstat", "nr_page_table_pages"), 32};
	counts["SwapFree"] = {field("/proc/meminfo", "SwapFree"), 2048};
	return counts;
}

std::string Accounts::difference() const
{
	const auto counts = now();
	std::string text;

	for (const auto &[name, before] : before_) {
		const auto value = counts.at(name).value;
		if (distance(value, before.value) > before.slack)
			text += name + " is " + std::to_string(value) + " and was " +
				std::to_string(before.value) + ". ";
	}
	return text;
}

std::string Accounts::wrong() const
{
	const auto deadline = std::chrono::steady_clock::now() + settling_time;
	std::string text;

	while (!(text = difference()).empty() && std::chrono::steady_clock::now() < deadline)
		std::this_thread::sleep_for(std::chrono::milliseconds(50));
	return text;
}

/*
 * The process's own counters are kept in batches of each thread or processor, and may be off by
 * some pages; mm itself complains at the exit if they are wrong then.
 */
std::string wrong_counters()
{
	constexpr std::uint64_t slack = 1024; /* KiB */
	const auto status = "/proc/self/status";
	const auto counted = field(status, "VmRSS"),
		   mapped = field("/proc/self/smaps_rollup", "Rss");

	if (const auto huge = field(status, "HugetlbPages"))
		return "HugetlbPages is " + std::to_string(huge) + " kB without a huge page";
	if (distance(counted, mapped) <= slack)
		return {};
	return "VmRSS is " + std::to_string(counted) + " kB, but in the page tables there are " +
	       std::to_string(mapped) + " kB";
}

} // namespace torture
