// SPDX-License-Identifier: GPL-2.0-only
#include "torture/accounts.hpp"

#include "harness/countdown.hpp"
#include "torture/files.hpp"
#include "torture/machine.hpp"
#include "torture/operation.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <sys/vfs.h>
#include <thread>
#include <unistd.h>

namespace torture {

namespace {

constexpr auto settling_time = std::chrono::seconds(20);
constexpr auto huge_pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/";

std::uint64_t processors()
{
	return static_cast<std::uint64_t>(::sysconf(_SC_NPROCESSORS_ONLN));
}

std::uint64_t distance(std::uint64_t one, std::uint64_t other)
{
	return one > other ? one - other : other - one;
}

/* What is wrong, if that stays so. */
std::string wrong_at_last(const std::function<std::string()> &wrong)
{
	selftests::Countdown countdown(settling_time);
	std::string text;

	while (!(text = wrong()).empty() && !countdown.is_over())
		std::this_thread::sleep_for(std::chrono::milliseconds(50));
	return text;
}

} // namespace

Accounts::Accounts() : before_(now()) {}

/*
 * Processors count by themselves, and add up later; stat_refresh has them do it now. So what isn't
 * used by this process itself, or by what else runs in the machine, has to be exactly the same:
 * nobody else has huge pages, or files in the folder.
 *
 * The others have slack: for a page or a table that this process needs more than before, for pages
 * that each processor keeps in a batch (at most 31) until they are no longer locked, and for lists
 * of swap slots on each processor: 64 that are to be used, and 64 that are to be free. What leaks
 * in each round adds up, and is noticed later.
 */
Accounts::Counts Accounts::now()
{
	Counts counts;
	struct statfs files = {};

	write_file("/proc/sys/vm/stat_refresh", "1");
	for (const std::string name :
	     {"nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages"})
		counts[name] = {number_in(huge_pages + name), 0};
	for (const std::string name : {"nr_anon_transparent_hugepages", "nr_shmem_hugepages",
				       "nr_shmem_pmdmapped", "nr_isolated_anon"})
		counts[name] = {field("/proc/vmstat", name), 0};
	if (::statfs(files_folder, &files) == 0) {
		counts["free blocks"] = {files.f_bfree, 0};
		counts["free inodes"] = {files.f_ffree, 0};
	}
	counts["nr_shmem"] = {field("/proc/vmstat", "nr_shmem"), 8};
	counts["nr_mlock"] = {field("/proc/vmstat", "nr_mlock"), 31 * processors()};
	counts["nr_anon_pages"] = {field("/proc/vmstat", "nr_anon_pages"), 96};
	counts["nr_page_table_pages"] = {field("/proc/vmstat", "nr_page_table_pages"), 32};
	counts["Committed_AS"] = {field("/proc/meminfo", "Committed_AS"), 1024};
	counts["SwapFree"] = {field("/proc/meminfo", "SwapFree"), 2 * 64 * 4 * processors() + 1024};
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
	return wrong_at_last([this] { return difference(); });
}

/*
 * The process's own counters are kept in batches of each thread or processor, and may be off by
 * some pages; mm itself complains at the exit if they are wrong then. They can't be read together
 * with the page tables, and reclaim may take a huge page in between. Of hugetlb pages mm goes on
 * counting one that was unmapped while it migrated: what is miscounted each time is more than few.
 */
std::string wrong_counters()
{
	constexpr std::uint64_t slack = 1024, few_huge = 4 * 2048; /* KiB */
	const auto status = "/proc/self/status";

	if (const auto huge = field(status, "HugetlbPages"); huge > few_huge)
		return "HugetlbPages is " + std::to_string(huge) + " kB without a huge page";
	/* With the lie, as if mm had forgotten to count some pages out. */
	const std::uint64_t forgotten = is_told("counters") ? 4 * slack : 0;
	return wrong_at_last([&]() -> std::string {
		const auto counted = field(status, "VmRSS") + forgotten,
			   mapped = field("/proc/self/smaps_rollup", "Rss");
		if (distance(counted, mapped) <= slack)
			return {};
		return "VmRSS is " + std::to_string(counted) +
		       " kB, but in the page tables there are " + std::to_string(mapped) +
		       " kB: " + std::to_string(field(status, "RssAnon")) + " and " +
		       std::to_string(field("/proc/self/smaps_rollup", "Anonymous")) +
		       " kB of them anonymous";
	});
}

} // namespace torture
