// SPDX-License-Identifier: GPL-2.0-only
#include "lib/fdinfo.hpp"

#include "harness/harness.hpp"

#include <fstream>
#include <sstream>

namespace selftests {

std::string FdInfo::line(std::string_view name) const
{
	std::istringstream lines(text);

	for (std::string line; std::getline(lines, line);)
		if (line.starts_with(std::string(name) + ":\t"))
			return line.substr(name.size() + 2);
	return {};
}

std::uint64_t FdInfo::number(std::string_view name) const
{
	const auto value = line(name);

	if (value.empty())
		give_up("fdinfo has no line \"" + std::string(name) + "\"");
	return std::stoull(value);
}

std::uint64_t FdInfo::count(std::string_view line_name, std::string_view name) const
{
	std::istringstream pairs(line(line_name));

	for (std::string pair; pairs >> pair;)
		if (pair.starts_with(std::string(name) + "="))
			return std::stoull(pair.substr(name.size() + 1));
	return 0;
}

FdInfo fdinfo(int fd)
{
	std::ifstream file("/proc/self/fdinfo/" + std::to_string(fd));
	std::stringstream text;
	FdInfo info;

	text << file.rdbuf();
	info.text = text.str();
	for (std::string line; std::getline(text, line);) {
		const auto value = line.substr(line.find('\t') + 1);

		if (line.starts_with("pending:"))
			info.pending = std::stoul(value);
		else if (line.starts_with("total:"))
			info.total = std::stoul(value);
		else if (line.starts_with("API:"))
			info.api = value;
	}
	return info;
}

} // namespace selftests
