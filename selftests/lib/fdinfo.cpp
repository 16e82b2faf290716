// SPDX-License-Identifier: GPL-2.0-only
#include "lib/fdinfo.hpp"

#include <fstream>
#include <sstream>

namespace selftests {

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
