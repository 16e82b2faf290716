/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SCAN_HPP
#define SELFTESTS_SCAN_HPP

#include <cstdint>
#include <userfault/range.hpp>
#include <vector>

namespace selftests {

/* PAGEMAP_SCAN's description of adjacent pages of the same kind. */
struct ScanRegion {
	std::uint64_t start, end, categories;
};

/*
 * Which of this process's pages in @range were written to since they were protected; their
 * protection has to resolve itself (WP_ASYNC). Protects them again. Skips the test if the kernel
 * has no PAGEMAP_SCAN, as before 6.7.
 */
std::vector<ScanRegion> written_ranges(userfault::Range range);

/*
 * Which of this process's pages in @range were accessed since they were read-write-protected.
 * Changes nothing. Skips the test if the kernel has no PAGEMAP_SCAN.
 */
std::vector<ScanRegion> accessed_ranges(userfault::Range range);

} // namespace selftests

#endif
