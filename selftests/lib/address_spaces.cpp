// SPDX-License-Identifier: GPL-2.0-only
#include "lib/address_spaces.hpp"

#include "harness/harness.hpp"

#include <fstream>
#include <string>

namespace selftests {

std::size_t count_mms()
{
	/* Else the count has free ones in it that the processors keep on their own lists. */
	std::ofstream("/sys/kernel/slab/mm_struct/shrink") << 1 << std::flush;
	std::ifstream file("/proc/slabinfo");

	for (std::string line; std::getline(file, line);)
		if (line.starts_with("mm_struct "))
			return std::stoul(line.substr(line.find(' ')));
	skip("/proc/slabinfo does not count the address spaces");
}

} // namespace selftests
