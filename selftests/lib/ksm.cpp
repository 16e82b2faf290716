// SPDX-License-Identifier: GPL-2.0-only
#include "lib/ksm.hpp"

#include "harness/harness.hpp"

#include <fstream>
#include <sys/prctl.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

namespace selftests {

namespace {

const std::map<std::string, std::string> fast = {
	{"sleep_millisecs", "1"}, {"pages_to_scan", "10000"}, {"run", "1"}};

std::string read(const std::string &name)
{
	std::ifstream file("/sys/kernel/mm/ksm/" + name);
	std::string value;

	if (!(file >> value))
		skip("the kernel has no KSM");
	return value;
}

void write(const std::map<std::string, std::string> &settings)
{
	for (const auto &[name, value] : settings)
		std::ofstream("/sys/kernel/mm/ksm/" + name) << value << std::flush;
}

} // namespace

Ksm::Ksm()
{
	for (const auto &[name, value] : fast)
		before_.emplace(name, read(name));
	write(fast);
}

Ksm::~Ksm()
{
	write(before_);
}

void Ksm::await() const
{
	const auto before = std::stoul(read("full_scans"));

	wait_until("KSM has scanned everything",
		   [&] { return std::stoul(read("full_scans")) > before + 2; });
}

bool merge_all_memory(bool on)
{
	return ::prctl(PR_SET_MEMORY_MERGE, on, 0, 0, 0) == 0;
}

} // namespace selftests
