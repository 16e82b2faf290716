// SPDX-License-Identifier: GPL-2.0-only
#include "lib/thp.hpp"

#include "harness/harness.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace selftests {

bool has_transparent_huge_pages()
{
	return ::access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
}

void need_transparent_huge_pages()
{
	if (!has_transparent_huge_pages())
		skip("the kernel has no transparent huge pages");
}

void keep_small(const Memory &memory)
{
	const auto bytes = memory.bytes(0, memory.pages());

	if (has_transparent_huge_pages())
		checked(::madvise(bytes.data(), bytes.size(), MADV_NOHUGEPAGE));
}

} // namespace selftests
