// SPDX-License-Identifier: GPL-2.0-only
#include "torture/files.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <unistd.h>
#include <userfault/fd.hpp>

namespace torture {

std::string read_file(const std::string &path)
{
	std::ostringstream text;

	text << std::ifstream(path).rdbuf();
	return text.str();
}

bool write_file(const std::string &path, std::string_view text)
{
	const userfault::Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));

	return file && ::write(file.get(), text.data(), text.size()) >= 0;
}

std::uint64_t field(const std::string &path, std::string_view key)
{
	std::istringstream lines(read_file(path));

	for (std::string line; std::getline(lines, line);) {
		const auto end = line.find_first_of(": ");
		if (line.substr(0, end) == key)
			return std::strtoull(line.c_str() + line.find_first_of("0123456789", end),
					     nullptr, 10);
	}
	return 0;
}

std::uint64_t number_in(const std::string &path)
{
	return std::strtoull(read_file(path).c_str(), nullptr, 10);
}

} // namespace torture
