/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_RANDOM_HPP
#define SELFTESTS_TORTURE_RANDOM_HPP

#include <cstddef>
#include <cstdint>

namespace torture {

/* Numbers that depend on the seed alone (splitmix64). */
class Random {
public:
	explicit Random(std::uint64_t seed) : state_(seed) {}
	/* Another sequence for each number of a seed: of a round, of an actor, of a step. */
	Random(std::uint64_t seed, std::uint64_t number)
		: state_(Random(seed + (number + 1) * golden).next())
	{
	}

	std::uint64_t next()
	{
		state_ += golden;
		auto value = state_;
		value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
		value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
		return value ^ (value >> 31);
	}

	/* From 0 up to, but not including, @limit. */
	std::size_t below(std::size_t limit) { return next() % limit; }
	bool one_in(std::size_t count) { return below(count) == 0; }

private:
	static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;

	std::uint64_t state_;
};

} // namespace torture

#endif
