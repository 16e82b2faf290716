// SPDX-License-Identifier: GPL-2.0-only
#include "lib/huge_pages.hpp"

#include "harness/countdown.hpp"
#include "harness/harness.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

namespace selftests {

namespace {

namespace fs = std::filesystem;

constexpr auto pools = "/sys/kernel/mm/hugepages";
constexpr auto settling_time = std::chrono::seconds(3);

std::size_t number_in(const std::string &folder, const char *name)
{
	std::ifstream file(folder + "/" + name);
	std::size_t number = 0;

	file >> number;
	return number;
}

HugePagePool pool_of(const std::string &folder)
{
	return {number_in(folder, "nr_hugepages"), number_in(folder, "free_hugepages"),
		number_in(folder, "resv_hugepages")};
}

void set_total(const std::string &folder, std::size_t count)
{
	std::ofstream(folder + "/nr_hugepages") << count;
}

/* Whether the pool could be made empty in time. */
bool empty(const std::string &folder)
{
	Countdown countdown(settling_time);

	while (pool_of(folder) != HugePagePool{}) {
		if (countdown.is_over())
			return false;
		set_total(folder, 0);
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
	return true;
}

} // namespace

HugePages::HugePages(std::size_t count, std::size_t size)
	: folder_(std::string(pools) + "/hugepages-" + std::to_string(size >> 10) + "kB")
{
	if (pool() != HugePagePool{})
		skip("the machine has huge pages of its own, which the test must not use");
	set_total(folder_, count);
	if (pool() != HugePagePool{count, count, 0}) {
		set_total(folder_, 0);
		skip(std::to_string(count) + " huge pages of " + std::to_string(size >> 20) +
		     " MiB are not available" +
		     (size == gigantic_page_size ? ": run with MEMORY=6G" : ""));
	}
}

HugePages::~HugePages()
{
	set_total(folder_, 0);
}

HugePagePool HugePages::pool() const
{
	return pool_of(folder_);
}

EmptyPools::EmptyPools()
{
	std::error_code none;

	for (const auto &folder : fs::directory_iterator(pools, none))
		if (pool_of(folder.path()) == HugePagePool{})
			folders_.push_back(folder.path());
}

std::string EmptyPools::empty_again() const
{
	std::string left;

	for (const auto &folder : folders_) {
		if (empty(folder))
			continue;
		const auto pool = pool_of(folder);
		left += (left.empty() ? "" : ", ") + std::to_string(pool.total) + " of " +
			fs::path(folder).filename().string() + ", " + std::to_string(pool.free) +
			" free, " + std::to_string(pool.reserved) + " reserved";
	}
	return left;
}

} // namespace selftests
