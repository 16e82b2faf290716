// SPDX-License-Identifier: GPL-2.0-only
#include "lib/address_spaces.hpp"

#include "harness/harness.hpp"

#include <fstream>
#include <string>

namespace selftests {

std::size_t count_mms()
{
	/* Free ones that a processor keeps at hand would be counted. */
	std::ofstream("/sys/kernel/slab/mm_struct/shrink") << 1 << std::flush;
	std::ifstream file("/proc/slabinfo");

	for (std::string line; std::getline(file, line);)
		if (line.starts_with("mm_struct "))
			return std::stoul(line.substr(line.find(' ')));
	skip("the kernel does not say how many address spaces there are");
}

} // namespace selftests
