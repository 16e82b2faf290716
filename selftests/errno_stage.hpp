/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ERRNO_STAGE_HPP
#define SELFTESTS_ERRNO_STAGE_HPP

#include "backend.hpp"

#include <userfault/context.hpp>
#include <userfault/fd.hpp>

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

/*
 * Memory of every kind, laid out in the same way at the same addresses each time it is built, and a
 * context of one backend that holds some of it: where both backends are given the same calls. One
 * can exist at a time.
 */
class Stage {
public:
	explicit Stage(Backend backend);
	~Stage();
	Stage(const Stage &) = delete;
	Stage &operator=(const Stage &) = delete;

	const userfault::Context &context() const { return context_; }

	/* Where something is, by its name; the names are in the source. */
	static std::uint64_t at(const std::string &name);

	/* The starts of ranges that are worth trying, and the lengths from @start on. */
	static const std::vector<Value> &starts();
	static std::vector<Value> lengths(std::uint64_t start);

	/* What is in a range. */
	static bool has_other_context(std::uint64_t start, std::uint64_t length);

	/* Every mapping, whether it is registered, and every page that is there. */
	std::string state() const;

private:
	userfault::Context context_, other_;
};

} // namespace selftests

#endif
