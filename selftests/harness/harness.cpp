// SPDX-License-Identifier: GPL-2.0-only
#include "harness/harness.hpp"

#include "harness/ktap.hpp"
#include "harness/notes.hpp"

#include <cerrno>
#include <cstring>
#include <iostream>
#include <unistd.h>

namespace selftests {

void give_up(std::string_view why, std::source_location where)
{
	std::string file = where.file_name();
	const std::string line = file.substr(file.rfind('/') + 1) + ':' +
				 std::to_string(where.line()) + ": gave up: " + std::string(why) +
				 '\n';

	std::cout.flush();
	if (::write(STDOUT_FILENO, line.data(), line.size()) < 0)
		::_exit(static_cast<int>(ExitCode::fail));
	::_exit(static_cast<int>(ExitCode::fail));
}

void skip(std::string_view why)
{
	if (auto *notes = Notes::current())
		notes->skipped(why);
	::_exit(static_cast<int>(ExitCode::skip));
}

long checked(long result, std::source_location where)
{
	if (result < 0)
		give_up(std::strerror(errno), where);
	return result;
}

} // namespace selftests
