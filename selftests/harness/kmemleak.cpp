// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kmemleak.hpp"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <userfault/fd.hpp>

namespace selftests {

using userfault::Fd;

namespace {

constexpr auto file = "/sys/kernel/debug/kmemleak";
/* kmemleak reports no object that is younger than 5 s: its pointer may not be stored yet. */
constexpr auto grown_up = std::chrono::milliseconds(5500);
/*
 * Some kernels forget the name of a cache that they can't show in sysfs. A test makes that fail as
 * the module is loaded.
 */
constexpr auto forgotten_by_mm = " sysfs_slab_add+";

bool begins_object(std::string_view line)
{
	return line.starts_with("unreferenced object");
}

bool tell(std::string_view command)
{
	const Fd fd(::open(file, O_WRONLY | O_CLOEXEC));

	return fd && ::write(fd.get(), command.data(), command.size()) >= 0;
}

/* Without the objects that mm forgets. */
std::vector<std::string> read_report()
{
	std::ifstream in(file);
	std::vector<std::string> lines, object;
	bool of_mm = false;
	const auto end_object = [&] {
		if (!of_mm)
			std::ranges::move(object, std::back_inserter(lines));
		object.clear();
		of_mm = false;
	};

	for (std::string line; std::getline(in, line);) {
		if (begins_object(line))
			end_object();
		of_mm |= line.contains(forgotten_by_mm);
		object.push_back(std::move(line));
	}
	end_object();
	return lines;
}

} // namespace

Kmemleak::Kmemleak() : available_(tell("scan=off")) {}

/*
 * kmemleak suspects an object if two scans find the same content in it, and it is old enough at the
 * second one: so time has to pass in between. A third scan clears an object if the scan before ran
 * in a moment in which only a register pointed to it.
 */
std::vector<std::string> Kmemleak::report() const
{
	const auto scan = [] {
		if (!tell("scan"))
			throw std::runtime_error("kmemleak does not scan");
	};

	scan();
	std::this_thread::sleep_for(grown_up);
	scan();
	if (!read_report().empty())
		scan();
	return read_report();
}

std::size_t leaked_objects(const std::vector<std::string> &report)
{
	return std::ranges::count_if(report, begins_object);
}

} // namespace selftests
