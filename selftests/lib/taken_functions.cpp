// SPDX-License-Identifier: GPL-2.0-only
#include "lib/taken_functions.hpp"

#include "harness/harness.hpp"

#include <fstream>
#include <iterator>

namespace selftests {

std::string taken_functions()
{
	std::ifstream file("/sys/kernel/tracing/enabled_functions");

	if (!file)
		give_up("/sys/kernel/tracing/enabled_functions can't be read");
	return {std::istreambuf_iterator(file), {}};
}

bool is_taken(const std::string &function)
{
	return ('\n' + taken_functions()).find('\n' + function + ' ') != std::string::npos;
}

} // namespace selftests
