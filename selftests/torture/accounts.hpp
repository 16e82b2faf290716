/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_ACCOUNTS_HPP
#define SELFTESTS_TORTURE_ACCOUNTS_HPP

#include <cstdint>
#include <map>
#include <string>

namespace torture {

/*
 * What the kernel counts, from before the first round: after each round it has to be the same
 * again. Compared with the first round's, so that small leaks add up.
 */
class Accounts {
public:
	Accounts();

	/* Waits until all is back; says what is not, or nothing. */
	std::string wrong() const;

private:
	struct Count {
		std::uint64_t value;
		std::uint64_t slack; /* how far it may be off without a reason that matters */
	};
	using Counts = std::map<std::string, Count>;

	static Counts now();
	std::string difference() const;

	Counts before_;
};

/*
 * Whether the counters of this process's memory are what its page tables say, when its arenas are
 * unmapped: says what is wrong, or nothing.
 */
std::string wrong_counters();

} // namespace torture

#endif
