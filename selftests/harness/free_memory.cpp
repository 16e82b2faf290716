// SPDX-License-Identifier: GPL-2.0-only
#include "harness/free_memory.hpp"

#include "harness/countdown.hpp"

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

/* The same as MemFree in /proc/meminfo, but the kernel needn't write the rest of that file. */
std::size_t free_of_all()
{
	struct sysinfo info;

	return ::sysinfo(&info) ? 0 : info.freeram * info.mem_unit;
}

/*
 * The free pages on the processors' own lists. free_of_all() doesn't count them; they can be many.
 */
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
 * On a kernel with kmemleak, the slab's memory counts as free: kmemleak finds leaked objects there.
 * KASAN, which such a kernel has too, keeps freed objects for long, to find later uses of them. So
 * only pages are counted here.
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
	/* This costs next to nothing, and is mostly enough. */
	if (free_of_all() + noise_ >= before_)
		return std::nullopt;

	Countdown countdown(settling_time);
	std::size_t now = free_now(kmemleak_);

	while (now + noise_ < before_) {
		if (countdown.is_over())
			return before_ - now;
		drop_caches();
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
		now = free_now(kmemleak_);
	}
	return std::nullopt;
}

} // namespace selftests
