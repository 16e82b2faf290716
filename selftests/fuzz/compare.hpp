/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_COMPARE_HPP
#define FUZZ_COMPARE_HPP

#include "program.hpp"

#include <memory>
#include <optional>
#include <string>

namespace fuzz {

/* What one program did on one backend. */
class Transcript {
public:
	/* @offered: the features of native userfaultfd, beyond which nothing is compared. */
	Transcript(const fuzz_transcript &raw, const fuzz_program &program, std::uint64_t offered);

	/* What happened, in its order. */
	std::vector<fuzz_record> records;
	/* Mappings, pages and contents at the end. */
	std::string state;
	/* The first part of it. */
	std::string mappings() const { return state.substr(0, state.find("contents:")); }
	bool complete;
	bool by_32_bits; /* a program of 32 bits has made it */
	unsigned status; /* of the process that ran the program */
};

std::string to_text(const fuzz_record &record, const fuzz_program &program);

/* Where the module did something else than native userfaultfd, for the first time. */
struct Difference {
	const fuzz_program &program;
	const Transcript &module, &native;
	std::size_t at; /* in records; if it is the state that differs, their number */

	const fuzz_record *of_module() const { return record(module); }
	const fuzz_record *of_native() const { return record(native); }
	/* The call that was made when it happened, or null after the last one. */
	const fuzz_call *call() const;
	/* The step of that call; the number of calls after the last one. */
	unsigned step() const;
	/* The difference for people. */
	std::string text() const;
	/* The same for differences that are likely to have the same cause. */
	std::string signature() const;

private:
	const fuzz_record *record(const Transcript &transcript) const
	{
		return at < transcript.records.size() ? &transcript.records[at] : nullptr;
	}
};

/* The arguments have to outlive the result. */
std::optional<Difference> compare(const fuzz_program &program, const Transcript &module,
				  const Transcript &native);

} // namespace fuzz

#endif
