/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_LOOK_HPP
#define SELFTESTS_TORTURE_LOOK_HPP

#include "torture/actor.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace torture {

/*
 * Pages that somebody moves, and has opened: what he finds in them before that, elsewhere, and when
 * they are back.
 */
class Look {
public:
	Look(Actor &actor, std::size_t first, std::size_t count);

	/*
	 * Reads all of them, where the arena is at @base. False if something is wrong: the run has
	 * been told so. @registered: only a monitor can make a page there.
	 */
	bool at(const std::byte *base, bool registered);

private:
	const PageEntry &entry(std::size_t i) const { return actor_.arena().entry(first_ + i); }
	bool look(std::size_t i, const std::byte *base, bool registered);
	bool judge_signal(std::size_t i, Outcome outcome);
	bool stays(std::size_t i, const Reading &reading);
	bool wrong(std::size_t i, const std::string &what) const;

	Actor &actor_;
	std::size_t first_;
	/* From before the first look: what others drop at home later need not go elsewhere. */
	std::vector<Before> befores_;
	/* What was found last: 0 for zeroes, nothing if that is unknown. */
	std::vector<std::optional<unsigned>> generations_;
};

} // namespace torture

#endif
