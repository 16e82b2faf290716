// SPDX-License-Identifier: GPL-2.0-only
#include "harness/free_memory.hpp"

#include <chrono>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/sysinfo.h>
#include <thread>
#include <userfault/range.hpp>

namespace selftests {

namespace {

constexpr auto settling_time = std::chrono::seconds(3);

/* In bytes; 0 where there is no /proc or no such line. */
std::size_t memory_info(std::string_view wanted)
{
	std::ifstream file("/proc/meminfo");
	std::string key, unit;
	std::size_t kib;

	while (file >> key >> kib && std::getline(file, unit))
		if (key == wanted)
			return kib << 10;
	return 0;
}

/* The same as MemFree in /proc/meminfo, without having the kernel write all the rest of it. */
std::size_t free_of_all()
{
	struct sysinfo info;

	return ::sysinfo(&info) ? 0 : info.freeram * info.mem_unit;
}

/* Free pages that a processor keeps at hand, which can be many, are not counted as free above. */
std::size_t free_at_hand()
{
	std::ifstream file("/proc/zoneinfo");
	std::size_t pages = 0;

	for (std::string word; file >> word;) {
		std::size_t count;
		if (word == "count:" && file >> count)
			pages += count;
	}
	return pages * userfault::page_size();
}

/*
 * Where kmemleak watches over the slab's objects, their memory counts as free: KASAN, which comes
 * with it, keeps freed objects for long, to notice who still uses them. Pages are left to us then.
 */
std::size_t free_now(bool kmemleak)
{
	return free_of_all() + free_at_hand() + (kmemleak ? memory_info("Slab:") : 0);
}

/* The page cache and the slab caches. */
void drop_caches()
{
	std::ofstream("/proc/sys/vm/drop_caches") << 3;
}

} // namespace

FreeMemory::FreeMemory(bool kmemleak, std::size_t noise)
	: kmemleak_(kmemleak), noise_(noise), before_(free_now(kmemleak))
{
}

std::optional<std::size_t> FreeMemory::missing() const
{
	/* Most often that is enough to know, and costs next to nothing. */
	if (free_of_all() + noise_ >= before_)
		return std::nullopt;

	const auto deadline = std::chrono::steady_clock::now() + settling_time;
	std::size_t now = free_now(kmemleak_);

	while (now + noise_ < before_) {
		if (std::chrono::steady_clock::now() > deadline)
			return before_ - now;
		drop_caches();
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
		now = free_now(kmemleak_);
	}
	return std::nullopt;
}

} // namespace selftests
