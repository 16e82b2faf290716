/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SCAN_HPP
#define SELFTESTS_SCAN_HPP

#include <cstdint>
#include <userfault/range.hpp>
#include <vector>

namespace selftests {

/* As PAGEMAP_SCAN tells of pages of the same kind that lie side by side. */
struct ScanRegion {
	std::uint64_t start, end, categories;
};

/*
 * Which of this process's pages in @range, protected so that writes unprotect them, were written to
 * since; protects them again. Skips the test where the kernel has no PAGEMAP_SCAN, as before 6.7.
 */
std::vector<ScanRegion> written_ranges(userfault::Range range);

/*
 * Which of them, read-write-protected, were accessed since, and changes nothing. Skips the test
 * where the kernel has no PAGEMAP_SCAN.
 */
std::vector<ScanRegion> accessed_ranges(userfault::Range range);

} // namespace selftests

#endif
