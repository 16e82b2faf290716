// SPDX-License-Identifier: GPL-2.0-only
#include "memory.hpp"

#include "backend.hpp"
#include "context.hpp"
#include "quiet.hpp"
#include "waiters.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace bench {

namespace {

constexpr double largest_context = 16 * 1024;
constexpr double smallest_object = 8; /* of the kernel's heap */

/* The size of an object of a slab cache. */
double object_size(const std::string &cache)
{
	std::ifstream file("/proc/slabinfo");

	for (std::string line; std::getline(file, line);) {
		std::istringstream fields(line);
		std::string name;
		double active, all, size;

		if (fields >> name >> active >> all >> size && name == cache)
			return size;
	}
	throw std::runtime_error("/proc/slabinfo has no " + cache);
}

/* Bytes of the kernel's heap that are in use, by whole slabs. */
double heap_size()
{
	std::ifstream file("/proc/meminfo");
	std::string name;

	wait_until_quiet();
	for (double kib; file >> name >> kib; file.ignore(80, '\n'))
		if (name == "Slab:")
			return kib * 1024;
	throw std::runtime_error("/proc/meminfo has no Slab");
}

/* By how much the heap grows when many threads fault, for each of them. */
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
		 heap_of_a_waiter(Backend::native), smallest_object - 1, "less than any object takes"},
	};
}

} // namespace bench
