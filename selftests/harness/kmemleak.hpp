/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KMEMLEAK_HPP
#define SELFTESTS_KMEMLEAK_HPP

#include <string>
#include <vector>

namespace selftests {

/*
 * The kernel's detector of leaked memory, which debug kernels have: it finds objects that nothing
 * refers to. It knows those of the slab and of vmalloc, not pages. Not thread-safe.
 */
class Kmemleak {
public:
	/* From here on it looks only when asked to, so that nobody else is blamed. */
	Kmemleak();

	/* Whether this kernel has it; if not, nothing else may be called. */
	bool available() const { return available_; }

	/* What it says of each leaked object, in lines. Takes several seconds. */
	std::vector<std::string> report() const;

private:
	bool available_;
};

/* How many objects a report is about. */
std::size_t leaked_objects(const std::vector<std::string> &report);

} // namespace selftests

#endif
