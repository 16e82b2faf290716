/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_HUGE_PAGES_HPP
#define SELFTESTS_HUGE_PAGES_HPP

#include <cstddef>
#include <string>
#include <vector>

namespace selftests {

inline constexpr std::size_t huge_page_size = 2 << 20;
inline constexpr std::size_t gigantic_page_size = 1 << 30;

/*
 * How many huge pages the kernel's pool has, how many of them are free, and how many are reserved.
 */
struct HugePagePool {
	std::size_t total = 0, free = 0, reserved = 0;

	bool operator==(const HugePagePool &) const = default;
};

/*
 * Huge pages of @size bytes for the test, as long as this lives. Skips the test if the kernel can't
 * provide them, or if the machine has huge pages already.
 */
class HugePages {
public:
	explicit HugePages(std::size_t count, std::size_t size = huge_page_size);
	~HugePages();
	HugePages(const HugePages &) = delete;
	HugePages &operator=(const HugePages &) = delete;

	HugePagePool pool() const;

private:
	std::string folder_;
};

/* Notices huge pages that a test leaves in use or reserved. */
class EmptyPools {
public:
	/* Remembers which of the kernel's pools are empty now. */
	EmptyPools();

	/*
	 * Makes these pools empty again, and waits for pages that are freed late. Returns in words
	 * which pools can't be made empty.
	 */
	std::string empty_again() const;

private:
	std::vector<std::string> folders_;
};

} // namespace selftests

#endif
