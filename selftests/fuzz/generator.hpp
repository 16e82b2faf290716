/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_GENERATOR_HPP
#define FUZZ_GENERATOR_HPP

#include "program.hpp"
#include "random.hpp"

namespace fuzz {

/* Draws programs: mostly what a program would do, with one thing wrong here and there. */
class Generator {
public:
	explicit Generator(std::uint64_t seed) : random_(seed) {}

	fuzz_program generate();
	/* A program like @program; some of it may be from @other. */
	fuzz_program mutate(const fuzz_program &program, const fuzz_program &other);

	Random &random() { return random_; }

private:
	fuzz_call any_call(const fuzz_program &before);
	void add_beginning(fuzz_program &program);
	std::uint64_t value_of(Kind kind, const fuzz_program &before, bool valid);
	std::uint64_t address(const fuzz_program &before, bool valid);
	std::uint64_t length(const fuzz_program &before, bool valid);
	std::uint64_t features(bool valid);
	std::uint64_t request();
	std::uint64_t memory();
	std::uint8_t place();
	void change(fuzz_program &program, const fuzz_program &other);

	Random random_;
};

} // namespace fuzz

#endif
