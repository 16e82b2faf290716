// SPDX-License-Identifier: GPL-2.0-only
#include "free_memory.hpp"

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <userfault/range.hpp>

namespace selftests {

namespace {

constexpr auto settling_time = std::chrono::seconds(3);

std::size_t free_in_zones()
{
	std::ifstream file("/proc/meminfo");
	std::string key, unit;
	std::size_t kib;

	while (file >> key >> kib && std::getline(file, unit))
		if (key == "MemFree:")
			return kib << 10;
	return 0;
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

/* In bytes; 0 where there is no /proc. */
std::size_t free_now()
{
	return free_in_zones() + free_at_hand();
}

/* The page cache and the slab caches. */
void drop_caches()
{
	std::ofstream("/proc/sys/vm/drop_caches") << 3;
}

} // namespace

FreeMemory::FreeMemory(std::size_t noise) : noise_(noise), before_(free_now()) {}

std::optional<std::size_t> FreeMemory::missing() const
{
	const auto deadline = std::chrono::steady_clock::now() + settling_time;
	std::size_t now = free_now();

	while (now + noise_ < before_) {
		if (std::chrono::steady_clock::now() > deadline)
			return before_ - now;
		drop_caches();
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
		now = free_now();
	}
	return std::nullopt;
}

} // namespace selftests
