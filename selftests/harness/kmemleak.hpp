/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KMEMLEAK_HPP
#define SELFTESTS_KMEMLEAK_HPP

#include <string>
#include <vector>

namespace selftests {

/*
 * The kernel's detector of leaked memory, which debug kernels have: it finds objects that nothing
 * points to. It knows objects of the slab and of vmalloc, but no pages. Not thread-safe.
 */
class Kmemleak {
public:
	/* From here on kmemleak scans only when report() asks, so that it blames no other test. */
	Kmemleak();

	/* Whether this kernel has it; if not, nothing else may be called. */
	bool available() const { return available_; }

	/* The lines that it reports on each leaked object. Takes several seconds. */
	std::vector<std::string> report() const;

private:
	bool available_;
};

/* How many objects a report is about. */
std::size_t leaked_objects(const std::vector<std::string> &report);

} // namespace selftests

#endif
