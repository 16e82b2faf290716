/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_PROCESS_HPP
#define FUZZ_PROCESS_HPP

#include "program.h"

#include <optional>
#include <string>
#include <userfault/fd.hpp>

namespace fuzz {

enum class Backend { module, native };

/* An executor: a process whose child runs programs, one at a time. It ends with this object. */
class Executor {
public:
	/*
	 * Runs on @processor, and may need @patience times as long as usual. @program is one built
	 * for 32 bits; if there is none, it is a fork.
	 */
	Executor(int processor, unsigned patience, const std::string &program = "");
	~Executor();
	Executor(const Executor &) = delete;
	Executor &operator=(const Executor &) = delete;

	/*
	 * Calls are made in turn; the transcript says what they brought. @afresh: in a process that
	 * has run nothing else, which takes longer.
	 */
	const fuzz_transcript &run(const fuzz_program &program, Backend backend, bool afresh);
	/* Each thread makes its calls so often, while the others make theirs. */
	const fuzz_transcript &run_side_by_side(const fuzz_program &program, Backend backend,
						unsigned rounds);

	/* From now on, record what is reached of the module, whose text begins at @text. */
	void record_coverage(std::uint64_t text);
	bool records_coverage() const { return shared_->coverage; }
	const std::uint32_t *covered() const { return shared_->covered; }
	void forget_coverage();

	/* How the last run ended. */
	fuzz_end end() const { return end_; }

private:
	const fuzz_transcript &run(Backend backend, unsigned rounds);
	std::optional<fuzz_end> answer();

	fuzz_shared *shared_;
	userfault::Fd requests_, answers_;
	fuzz_end end_ = FUZZ_ENDED;
};

} // namespace fuzz

#endif
