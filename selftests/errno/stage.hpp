/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ERRNO_STAGE_HPP
#define SELFTESTS_ERRNO_STAGE_HPP

#include "harness/backend.hpp"

#include <userfault/context.hpp>
#include <userfault/fd.hpp>
#include <userfault/range.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace selftests {

/* A value for a field of an ioctl's struct, and a name that says what is special about it. */
struct Value {
	std::string name;
	std::uint64_t number;
};

/* How to build a stage. */
struct Setting {
	/* The features that its contexts ask for, besides SIGBUS. */
	userfault::Features features = userfault::Features::None;
	/* Whether there are areas of hugetlb, which need HugePages; if not, there are holes. */
	bool hugetlb = false;
};

/* The files that areas are mapped from. They stay from stage to stage, their content does not. */
struct StageFiles {
	explicit StageFiles(const Setting &setting);

	void make_empty() const;

	const userfault::Fd file, shmem;
	const userfault::Fd shmem_to_read;
	const userfault::Fd hugetlb; /* always has its page */
};

/*
 * Memory of every kind, and a context of one backend that holds some of it. Each stage has the same
 * memory at the same addresses, so that both backends can be given the same calls. Only one stage
 * can exist at a time.
 */
class Stage {
public:
	Stage(Backend backend, const Setting &setting, const StageFiles &files);
	~Stage();
	Stage(const Stage &) = delete;
	Stage &operator=(const Stage &) = delete;

	const userfault::Context &context() const { return context_; }

	/* Where something is, by its name; the names are in the source. */
	static std::uint64_t at(const std::string &name);

	/* The starts of ranges that are worth trying, and the lengths from @start on. */
	static const std::vector<Value> &starts();
	static std::vector<Value> lengths(std::uint64_t start);

	/* The ranges where there is memory, in the order of their addresses. */
	static std::vector<userfault::Range> ranges();

	/* The length of the page at @start: a page of hugetlb is huge. */
	static std::uint64_t length_of_page(std::uint64_t start);

	/* Whether a range has memory that the other context holds. */
	static bool has_other_context(std::uint64_t start, std::uint64_t length);

	/* Every mapping, what it is registered for, and which of its first pages are there. */
	std::string state() const;

private:
	userfault::Context context_, other_;
};

} // namespace selftests

#endif
