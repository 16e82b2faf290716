// SPDX-License-Identifier: GPL-2.0-only
#include "memory.hpp"

#include "backend.hpp"
#include "context.hpp"
#include "quiet.hpp"
#include "waiters.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace bench {

namespace {

constexpr double largest_context = 16 * 1024;
constexpr double smallest_object = 8; /* of the kernel's heap */

/* A part of the kernel's heap. (/proc/meminfo has the sum, but lags behind by dozens of pages.) */
struct Cache {
	std::string name;
	double objects; /* used or not: all objects of its slabs */
	double size;	/* of an object */
};

std::vector<Cache> heap()
{
	std::ifstream file("/proc/slabinfo");
	std::vector<Cache> caches;

	for (std::string line; std::getline(file, line);) {
		std::istringstream fields(line);
		Cache cache;
		double in_use;

		if (fields >> cache.name >> in_use >> cache.objects >> cache.size)
			caches.push_back(cache);
	}
	return caches;
}

double object_size(const std::string &cache)
{
	const auto caches = heap();
	const auto found = std::ranges::find(caches, cache, &Cache::name);

	if (found == caches.end())
		throw std::runtime_error("/proc/slabinfo has no " + cache + ": measure as root");
	return found->size;
}

double heap_size()
{
	double sum = 0;

	wait_until_quiet();
	for (const auto &cache : heap())
		sum += cache.objects * cache.size;
	return sum;
}

/* By how much the heap grows for each of many threads that fault. */
double heap_of_a_waiter(Backend backend)
{
	const Ground ground(2048);
	const Context context = open_context(backend);

	ground.fill(); /* so that there are page tables */
	ground.drop();
	register_ground(context, ground);

	Waiters waiters(context, ground);
	const double before = heap_size();

	waiters.fault();
	return (heap_size() - before) / static_cast<double>(ground.pages());
}

} // namespace

std::vector<Figure> measure_memory()
{
	return {
		{"memory of a context", "byte", object_size("userfault_ctx"),
		 object_size("userfaultfd_ctx_cache"), largest_context, "16 KiB"},
		{"heap memory of a waiting fault", "byte", heap_of_a_waiter(Backend::module),
		 heap_of_a_waiter(Backend::native), smallest_object - 1, "less than any object"},
	};
}

} // namespace bench
