/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_RANDOM_HPP
#define FUZZ_RANDOM_HPP

#include <cstdint>
#include <initializer_list>

namespace fuzz {

/* The same seed gives the same numbers everywhere. */
class Random {
public:
	explicit Random(std::uint64_t seed) : state_(seed) {}

	std::uint64_t next()
	{
		std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;

		mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
		mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
		return mixed ^ mixed >> 31;
	}

	/* Less than @count. */
	std::uint64_t below(std::uint64_t count) { return next() % count; }
	bool percent(unsigned chance) { return below(100) < chance; }

	template <class T> T one_of(std::initializer_list<T> values)
	{
		return values.begin()[below(values.size())];
	}

	template <class Container> auto &one_of(Container &values)
	{
		return values[below(values.size())];
	}

private:
	std::uint64_t state_;
};

} // namespace fuzz

#endif
