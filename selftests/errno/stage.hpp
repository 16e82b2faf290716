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

/* A value for a field of an ioctl, and what it is there for. */
struct Value {
	std::string name;
	std::uint64_t number;
};

/* What a stage is to be like. */
struct Setting {
	/* The contexts' own, beside SIGBUS. */
	userfault::Features features = userfault::Features::None;
	/* Whether there are areas of hugetlb, which take HugePages; else there are holes. */
	bool hugetlb = false;
};

/* What areas are mapped from; kept from stage to stage, but not what is in it. */
struct StageFiles {
	explicit StageFiles(const Setting &setting);

	void make_empty() const;

	const userfault::Fd file, shmem;
	const userfault::Fd shmem_to_read;
	const userfault::Fd hugetlb; /* has its page, which nothing takes away */
};

/*
 * Memory of every kind, laid out in the same way at the same addresses each time it is built, and a
 * context of one backend that holds some of it: where both backends are given the same calls. One
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

	/* Where there is memory, from the lowest address on. */
	static std::vector<userfault::Range> ranges();

	/* Of the page at @start: that of hugetlb is huge. */
	static std::uint64_t length_of_page(std::uint64_t start);

	/* What is in a range. */
	static bool has_other_context(std::uint64_t start, std::uint64_t length);

	/* Every mapping, whether it is registered, and every page that is there. */
	std::string state() const;

private:
	userfault::Context context_, other_;
};

} // namespace selftests

#endif
