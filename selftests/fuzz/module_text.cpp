// SPDX-License-Identifier: GPL-2.0-only
#include "module_text.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace fuzz {

namespace {

bool has(const std::string &name, const char *part)
{
	return name.find(part) != name.npos;
}

/* .text.startup and .text.exit tell KASAN of the module's variables. */
bool is_of_programs(const std::string &name)
{
	return has(name, "text") && !has(name, "init") && !has(name, "exit") &&
	       !has(name, "startup");
}

} // namespace

std::map<std::string, std::uint64_t> text_of_module()
{
	std::map<std::string, std::uint64_t> sections;

	if (::access("/sys/kernel/debug/kcov", R_OK | W_OK))
		return sections;
	for (const auto &entry :
	     std::filesystem::directory_iterator("/sys/module/userfault/sections")) {
		const auto name = entry.path().filename().string();
		std::ifstream file(entry.path());
		std::uint64_t start;
		if (is_of_programs(name) && file >> std::hex >> start)
			sections[name] = start;
	}
	return sections;
}

std::uint64_t start_of(const std::map<std::string, std::uint64_t> &sections)
{
	std::uint64_t start = ~0ull;

	for (const auto &[name, address] : sections)
		start = std::min(start, address);
	return start;
}

} // namespace fuzz
