/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_TALLY_HPP
#define SELFTESTS_TORTURE_TALLY_HPP

#include "torture/outcome.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <userfault/flags.hpp>

namespace torture {

inline constexpr std::size_t most_operations = 128;

/*
 * How often each operation has ended in each way, and what the worlds that it counts for are
 * offered. In memory that all processes share.
 */
class Tally {
public:
	void offer(userfault::Features features)
	{
		offered_ |= static_cast<std::uint64_t>(features);
	}

	void add(std::size_t operation, Outcome outcome)
	{
		counts_[operation][static_cast<std::size_t>(outcome)]++;
	}

	std::uint64_t count(std::size_t operation, Outcome outcome) const
	{
		return counts_[operation][static_cast<std::size_t>(outcome)];
	}

	/* With every outcome, except that it was skipped or that the kernel lacks it. */
	std::uint64_t tried(std::size_t operation) const;

	/*
	 * A row for each operation: its name, and how often it ended in which way; in brackets, in
	 * the worlds of another tally.
	 */
	void print(std::ostream &out, const Tally &other) const;

	/*
	 * Prints a line for each operation that had to happen, or had to end in some way, and
	 * didn't. Returns whether there is one. What was tried too rarely need not have happened.
	 */
	bool print_missing(std::ostream &out) const;

private:
	void print_outcomes(std::ostream &out, std::size_t operation) const;
	double expected(std::size_t operation) const;
	bool was_to_happen(std::size_t operation) const;

	std::array<std::array<std::atomic<std::uint32_t>, 256>, most_operations> counts_{};
	std::atomic<std::uint64_t> offered_ = 0;
};

} // namespace torture

#endif
