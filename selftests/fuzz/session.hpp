/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_SESSION_HPP
#define FUZZ_SESSION_HPP

#include "compare.hpp"
#include "generator.hpp"
#include "process.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace fuzz {

struct Settings {
	std::uint64_t seed = 1;
	std::chrono::seconds time{60};
	unsigned workers = 1;
	std::string corpus;	   /* a folder */
	std::string thirty_two;	   /* the executor for 32 bits; none if this is empty */
	bool native_twice = false; /* compare native userfaultfd with itself */
	unsigned patience = 1;	   /* how many times as long everything may take */
};

/*
 * What one worker does: it draws programs, runs each on both backends, compares, and keeps the
 * programs that reach something new. It reports on stdout, a line each; scripts/fuzz reads that.
 *
 *	try N PROGRAM		the worker with this number is about to run it
 *	section OFFSET NAME	of the module's text; all offsets count from the first one
 *	reach OFFSETS		in the module's text, by a program of the corpus
 *	keep OFFSETS PROGRAM	it has reached these, which no program had reached before
 *	beside OFFSETS PROGRAM	the same, by threads side by side; no program if the corpus has it
 *	found PROGRAM		it shows a difference; lines with "| " describe it
 *	reason NUMBER TEXT	so many differences had this reason
 *	pair CALL RESULT	a call has had this result
 *	differences NUMBER	without a reason, even if not all of them are shown
 *	programs NUMBER		run
 *	calls NUMBER		made
 *	compared NUMBER		of them, with those of the other backend
 *	left TEXT		the programs have left that in the kernel
 *	cover NAME OFFSETS	in the module's text, by the program with this name
 */
class Session {
public:
	Session(const Settings &settings, unsigned worker);

	/* Replays the corpus, then draws programs until the time is up. */
	void run();
	/*
	 * Runs one program and prints everything about it; before that, runs it @side_by_side times
	 * with its threads side by side. Returns whether all is well.
	 */
	bool replay(const fuzz_program &program, unsigned side_by_side);
	/* Says which blocks of the module a program reaches. */
	void cover(const std::string &name, const fuzz_program &program);

private:
	using Pair = std::pair<unsigned, int>;
	struct Both {
		Transcript module, native;
		bool ended;
	};

	void try_program(const fuzz_program &program, Executor &executor);
	void try_in_turn(const fuzz_program &program, Executor &executor);
	bool try_side_by_side(const fuzz_program &program, Executor &executor);
	bool show(const fuzz_program &program, Executor &executor) const;
	fuzz_program next_program();
	fuzz_program harmless(fuzz_program program) const;
	fuzz_program comparable(fuzz_program program) const;
	Both run_on_both(const fuzz_program &program, Executor &executor, bool afresh = true) const;
	/* How many calls both have made, or how many of the first @most records are calls. */
	static std::uint64_t count_calls(const Both &both, std::size_t most = ~0uz);
	void judge(const fuzz_program &program, Executor &executor, const Both &both);
	fuzz_program minimised(const fuzz_program &program, Executor &executor) const;
	void learn(const fuzz_program &program, const Transcript &module, Executor &executor);
	static std::string listed(const std::vector<unsigned> &offsets);
	void note_coverage(const std::vector<unsigned> &reached, const fuzz_program &program,
			   Executor &executor);
	void note_coverage_side_by_side(const fuzz_program &program, const Executor &executor);
	std::vector<unsigned> newly_covered(const Executor &executor) const;
	fuzz_program minimised_for(const std::vector<unsigned> &blocks, const fuzz_program &program,
				   Executor &executor);
	bool ends_well(const Executor &executor, const fuzz_program &program,
		       Backend backend) const;
	void report() const;
	Backend tested() const
	{
		return settings_.native_twice ? Backend::native : Backend::module;
	}

	const Settings settings_;
	const unsigned worker_;
	std::uint64_t offered_; /* by native userfaultfd */
	std::uint64_t absent_;	/* features that it doesn't have, and the module has */
	Generator generator_;
	Executor executor_;
	std::unique_ptr<Executor> thirty_two_;
	const std::map<std::string, std::uint64_t> text_; /* of the module */
	bool replays_corpus_ = false;
	std::vector<fuzz_program> corpus_;
	std::set<Pair> pairs_;
	std::set<std::pair<Pair, Pair>> followers_;
	std::set<unsigned> blocks_, blocks_side_by_side_;
	std::map<std::string, unsigned> reasons_, signatures_;
	std::uint64_t calls_ = 0, compared_ = 0, programs_ = 0;
	unsigned differences_ = 0;
};

} // namespace fuzz

#endif
