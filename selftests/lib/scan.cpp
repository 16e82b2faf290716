// SPDX-License-Identifier: GPL-2.0-only
#include "lib/scan.hpp"

#include "harness/harness.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <userfault/fd.hpp>

namespace selftests {

using namespace userfault;

namespace {

/* PAGEMAP_SCAN is newer than the headers that this file is built with. */
struct Scan {
	std::uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	std::uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

constexpr unsigned long pagemap_scan = _IOWR('f', 16, Scan);
constexpr std::uint64_t scan_protect_matching = 1, scan_check_async = 2;
constexpr std::uint64_t page_is_written = 1 << 1, page_is_accessed = 1 << 9;

std::vector<ScanRegion> scan_for(std::uint64_t category, Range range, std::uint64_t flags)
{
	const Fd pagemap(
		static_cast<int>(checked(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC))));
	std::vector<ScanRegion> found(range.length / page_size() / 2 +
				      1); /* if every other one is */
	Scan scan = {};

	scan.size = sizeof(scan);
	scan.flags = flags;
	scan.start = range.start;
	scan.end = range.end();
	scan.vec = reinterpret_cast<std::uint64_t>(found.data());
	scan.vec_len = found.size();
	scan.category_mask = category;
	scan.return_mask = category;
	const int count = ::ioctl(pagemap.get(), pagemap_scan, &scan);
	if (count < 0 && errno == ENOTTY)
		skip("the kernel has no PAGEMAP_SCAN");
	found.resize(checked(count));
	return found;
}

} // namespace

std::vector<ScanRegion> written_ranges(Range range)
{
	return scan_for(page_is_written, range, scan_protect_matching | scan_check_async);
}

std::vector<ScanRegion> accessed_ranges(Range range)
{
	return scan_for(page_is_accessed, range, 0);
}

} // namespace selftests
