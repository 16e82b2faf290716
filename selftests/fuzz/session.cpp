// SPDX-License-Identifier: GPL-2.0-only
#include "session.hpp"

#include "minimise.hpp"
#include "module_text.hpp"
#include "reasons.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <linux/userfault.h>
#include <sstream>
#include <stdexcept>
#include <sys/ioctl.h>
#include <unistd.h>
#include <userfault/context.hpp>

namespace fuzz {

namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned most_alike = 3; /* differences that are shown */
constexpr std::size_t most_programs = 3000;
constexpr unsigned rounds_side_by_side = 30;
/* How often to look what a program reaches side by side, which differs each time. */
constexpr unsigned times_to_cover = 10;

std::uint64_t offered_by(const std::string &device)
{
	userfault::Options options;

	options.device = device;
	const auto grant = userfault::Context::probe(options);
	if (!grant)
		throw std::runtime_error("no answer from " + device);
	return static_cast<std::uint64_t>(grant->offered);
}

/* A line goes out as one write, so that those of several workers don't mix. */
void say(const std::string &line)
{
	const auto text = line + '\n';

	if (::write(STDOUT_FILENO, text.data(), text.size()) < 0)
		throw std::runtime_error("nobody reads the results");
}

std::vector<fuzz_program> programs_in(const std::string &folder)
{
	std::vector<std::filesystem::path> paths;
	std::vector<fuzz_program> programs;

	if (folder.empty() || !std::filesystem::is_directory(folder))
		return {};
	for (const auto &entry : std::filesystem::directory_iterator(folder))
		paths.push_back(entry.path());
	std::ranges::sort(paths);
	for (const auto &path : paths) {
		std::ifstream file(path);
		std::stringstream text;
		text << file.rdbuf();
		const auto program = program_in(text.str());
		if (!program)
			throw std::runtime_error("no program: " + path.string());
		programs.push_back(*program);
	}
	return programs;
}

} // namespace

Session::Session(const Settings &settings, unsigned worker)
	: settings_(settings), worker_(worker), offered_(offered_by("/dev/userfaultfd")),
	  absent_(settings.native_twice ? 0 : offered_by("/dev/userfault") & ~offered_),
	  generator_(settings.seed * 1000 + worker),
	  executor_(static_cast<int>(worker), settings.patience), text_(text_of_module()),
	  corpus_(programs_in(settings.corpus))
{
	if (!settings.thirty_two.empty())
		thirty_two_ = std::make_unique<Executor>(static_cast<int>(worker),
							 settings.patience, settings.thirty_two);
	if (text_.empty())
		return;
	executor_.record_coverage(start_of(text_));
	if (thirty_two_)
		thirty_two_->record_coverage(start_of(text_));
}

/*
 * Without two endless loops of mm, which a signal ends, and which are there natively, too:
 *  - mlock() on ramfs: in a locked mapping filemap_fault() takes the marker of a protected page
 *    that isn't there for a page, and the thread faults again and again.
 *  - guard pages on protected pages of a file: dropping such a page leaves a marker behind, which
 *    madvise() takes for a page that it has to drop.
 */
fuzz_program Session::harmless(fuzz_program program) const
{
	const bool locks_well = !maps(program, {FUZZ_RAMFS}),
		   guards_well = !protects(program) ||
				 !maps(program, {FUZZ_SHARED, FUZZ_SHMEM, FUZZ_PRIVATE_SHMEM,
						 FUZZ_BEYOND, FUZZ_RAMFS});

	for (unsigned i = program.count; i--;) {
		const auto &call = program.calls[i];
		if ((call.code == FUZZ_mlock && !locks_well) ||
		    (call.code == FUZZ_madvise && call.arguments[2] == madv_guard_install &&
		     !guards_well))
			remove_call(program, i);
	}
	return program;
}

/* Without what native userfaultfd of this kernel doesn't have. */
fuzz_program Session::comparable(fuzz_program program) const
{
	const auto lacks = [&](std::uint64_t feature) { return absent_ & feature; };

	for (unsigned i = program.count; i--;) {
		auto &call = program.calls[i];
		const bool sends_mode = call.code == FUZZ_continue && call.arguments[2] & 2;
		const auto request =
			call.code == FUZZ_ioctl ? call.arguments[0] : type_of(call).request;
		if (call.code == FUZZ_api)
			call.arguments[1] &= ~absent_;
		if ((request == UFFDIO_POISON && lacks(UFFD_FEATURE_POISON)) ||
		    (request == UFFDIO_MOVE && lacks(UFFD_FEATURE_MOVE)) ||
		    (sends_mode && lacks(UFFD_FEATURE_WP_ASYNC)))
			remove_call(program, i);
	}
	return program;
}

bool Session::ends_well(const Executor &executor, const fuzz_program &program,
			Backend backend) const
{
	if (executor.end() == FUZZ_ENDED)
		return true;
	say("found " + to_text(program, ';'));
	if (&executor == thirty_two_.get())
		say("|   by a 32-bit program");
	say(std::string("|   ") + (backend == tested() ? "on the module" : "natively") +
	    (executor.end() == FUZZ_KILLED ? " it did not end" : " it can't even be killed"));
	if (executor.end() == FUZZ_UNKILLABLE)
		throw std::runtime_error("a process can't be killed");
	return false;
}

Session::Both Session::run_on_both(const fuzz_program &program, Executor &executor,
				   bool afresh) const
{
	bool ended = true;
	const auto run = [&](Backend backend) {
		Transcript transcript(executor.run(program, backend, afresh), program, offered_);
		ended &= ends_well(executor, program, backend);
		return transcript;
	};
	auto module = run(tested());
	auto native = run(Backend::native);

	return {std::move(module), std::move(native), ended};
}

fuzz_program Session::minimised(const fuzz_program &program, Executor &executor) const
{
	return minimise(program, [&](const auto &smaller) {
		const auto both = run_on_both(smaller, executor);
		const auto difference = compare(smaller, both.module, both.native);
		return difference && !reason_for(*difference);
	});
}

std::uint64_t Session::count_calls(const Both &both, std::size_t most)
{
	std::uint64_t calls = 0;

	for (const auto *transcript : {&both.module, &both.native})
		for (std::size_t i = 0; i < std::min(most, transcript->records.size()); i++)
			calls += transcript->records[i].kind == FUZZ_RESULT;
	return calls;
}

void Session::judge(const fuzz_program &program, Executor &executor, const Both &both)
{
	const auto difference = compare(program, both.module, both.native);

	/* What comes after a difference may be only its consequence. */
	compared_ += count_calls(both, difference ? difference->at : ~0uz);
	/* It was shown already. To make it smaller would take a minute for each step. */
	if (!both.ended)
		differences_++;
	if (!difference || !both.ended)
		return;
	if (const auto *reason = reason_for(*difference)) {
		reasons_[reason]++;
		return;
	}
	differences_++;
	if (++signatures_[difference->signature()] > most_alike)
		return;
	const auto smaller = minimised(program, executor);
	const auto again = run_on_both(smaller, executor);
	const auto shown = compare(smaller, again.module, again.native);
	say("found " + to_text(shown ? smaller : program, ';'));
	if (&executor == thirty_two_.get())
		say("|   by a 32-bit program");
	if (!shown)
		say("|   not in a process of its own, the second time");
	std::istringstream lines((shown ? *shown : *difference).text());
	for (std::string line; std::getline(lines, line);)
		say("| " + line);
}

std::vector<unsigned> Session::newly_covered(const Executor &executor) const
{
	const auto *covered = executor.covered();
	std::vector<unsigned> offsets;

	if (!executor.records_coverage())
		return offsets;
	for (unsigned i = 0; i < FUZZ_TEXT / 32; i++)
		for (auto bits = covered[i]; bits; bits &= bits - 1) {
			const auto block = i * 32 + static_cast<unsigned>(std::countr_zero(bits));
			if (!blocks_.contains(block))
				offsets.push_back(block);
		}
	return offsets;
}

fuzz_program Session::minimised_for(const std::vector<unsigned> &blocks,
				    const fuzz_program &program, Executor &executor)
{
	return minimise(program, [&](const auto &smaller) {
		executor.forget_coverage();
		executor.run(smaller, tested(), false);
		return std::ranges::all_of(blocks, [&](unsigned block) {
			return executor.covered()[block / 32] >> block % 32 & 1;
		});
	});
}

std::string Session::listed(const std::vector<unsigned> &offsets)
{
	std::string text;

	for (const auto offset : offsets)
		text += (text.empty() ? "" : ",") + std::to_string(offset);
	return text;
}

void Session::note_coverage(const std::vector<unsigned> &reached, const fuzz_program &program,
			    Executor &executor)
{
	const auto offsets = listed(reached);

	blocks_.insert(reached.begin(), reached.end());
	if (replays_corpus_) {
		say("reach " + offsets);
		return;
	}
	corpus_.push_back(minimised_for(reached, program, executor));
	say("keep " + offsets + ' ' + to_text(corpus_.back(), ';'));
}

/*
 * What a race reaches is another thing each time. So it is counted and told of alone, and no
 * program is drawn from this one until the corpus has it: the same seed draws the same programs.
 */
void Session::note_coverage_side_by_side(const fuzz_program &program, const Executor &executor)
{
	auto reached = newly_covered(executor);

	std::erase_if(reached,
		      [&](unsigned block) { return !blocks_side_by_side_.insert(block).second; });
	if (!reached.empty())
		say("beside " + listed(reached) + ' ' +
		    (replays_corpus_ ? "" : to_text(program, ';')));
}

/* Keeps the program if it brought something new: code of the module, else a result. */
void Session::learn(const fuzz_program &program, const Transcript &module, Executor &executor)
{
	Pair before{};
	bool is_new = false;

	for (const auto &record : module.records) {
		if (record.kind != FUZZ_RESULT)
			continue;
		const Pair pair{program.calls[record.call].code, std::min(record.result, 1)};
		if (pairs_.insert(pair).second)
			say(std::string("pair ") + type_of(program.calls[record.call]).name + ' ' +
			    std::to_string(pair.second));
		is_new |= followers_.insert({before, pair}).second;
		before = pair;
	}
	const auto reached = newly_covered(executor);
	if (!reached.empty())
		note_coverage(reached, program, executor);
	else if (is_new && corpus_.size() < most_programs)
		corpus_.push_back(program);
	executor.forget_coverage();
}

/* It is said before, so that a crash of the kernel leaves behind which program it was. */
void Session::try_program(const fuzz_program &drawn, Executor &executor)
{
	const auto program = drawn.side_by_side ? drawn : comparable(drawn);

	say("try " + std::to_string(worker_) + ' ' + to_text(program, ';'));
	executor.forget_coverage();
	programs_++;
	if (!program.side_by_side) {
		try_in_turn(program, executor);
		return;
	}
	try_side_by_side(program, executor);
	note_coverage_side_by_side(program, executor);
}

void Session::try_in_turn(const fuzz_program &program, Executor &executor)
{
	const auto both = run_on_both(program, executor, false);
	calls_ += count_calls(both);
	learn(program, both.module, executor);
	judge(program, executor, both);
}

bool Session::try_side_by_side(const fuzz_program &program, Executor &executor)
{
	const auto &transcript = executor.run_side_by_side(program, tested(), rounds_side_by_side);
	const bool ended = ends_well(executor, program, tested());
	calls_ += transcript.calls;
	const bool well = ended && transcript.complete && !transcript.stuck;
	if (!well)
		differences_++;
	if (well || !ended)
		return well;
	say("found " + to_text(program, ';'));
	if (&executor == thirty_two_.get())
		say("|   by a 32-bit program");
	say(transcript.stuck ? "|   side by side, a thread waits although all contexts are closed"
			     : "|   side by side, it did not come to its end: status " +
				       std::to_string(transcript.status));
	return false;
}

fuzz_program Session::next_program()
{
	auto &random = generator_.random();

	if (corpus_.empty() || random.percent(30))
		return generator_.generate();
	const auto &first = random.one_of(corpus_);
	return generator_.mutate(first, random.one_of(corpus_));
}

void Session::run()
{
	const auto deadline = Clock::now() + settings_.time;

	for (const auto &[name, start] : text_)
		say("section " + std::to_string(start - start_of(text_)) + ' ' + name);
	/* The corpus grows while it is replayed. */
	replays_corpus_ = true;
	for (std::size_t i = 0, count = corpus_.size(); i < count; i++)
		for (auto *executor : {&executor_, thirty_two_.get()})
			if (executor)
				try_program(harmless(corpus_[i]), *executor);
	replays_corpus_ = false;
	while (Clock::now() < deadline) {
		auto program = harmless(next_program());
		program.side_by_side = programs_ % 16 == 15;
		auto &executor = thirty_two_ && programs_ % 5 == 4 ? *thirty_two_ : executor_;
		try_program(program, executor);
	}
	report();
}

void Session::report() const
{
	for (const auto &[text, count] : reasons_)
		say("reason " + std::to_string(count) + ' ' + text);
	say("differences " + std::to_string(differences_));
	say("programs " + std::to_string(programs_));
	say("calls " + std::to_string(calls_));
	say("compared " + std::to_string(compared_));
}

bool Session::replay(const fuzz_program &given, unsigned side_by_side)
{
	const auto program = harmless(given);
	const auto times = std::max(side_by_side, given.side_by_side);
	auto beside = program;
	bool well = true;

	beside.side_by_side = true;
	for (auto *executor : {&executor_, thirty_two_.get()}) {
		if (!executor)
			continue;
		for (unsigned i = 0; i < times; i++)
			well &= try_side_by_side(beside, *executor);
		well &= show(comparable(program), *executor);
	}
	return well;
}

void Session::cover(const std::string &name, const fuzz_program &given)
{
	const auto program = harmless(given);
	const auto times = program.side_by_side ? times_to_cover : 1;

	for (auto *executor : {&executor_, thirty_two_.get()}) {
		if (!executor)
			continue;
		if (!executor->records_coverage())
			throw std::runtime_error("the kernel doesn't record coverage");
		executor->forget_coverage();
		for (unsigned i = 0; i < times; i++) {
			if (program.side_by_side)
				executor->run_side_by_side(program, tested(), rounds_side_by_side);
			else
				executor->run(comparable(program), tested(), true);
			ends_well(*executor, program, tested());
		}
		say("cover " + name + ' ' + listed(newly_covered(*executor)));
	}
}

/* Everything that the program brings. */
bool Session::show(const fuzz_program &program, Executor &executor) const
{
	const auto both = run_on_both(program, executor);
	const auto difference = compare(program, both.module, both.native);
	const auto *reason = difference ? reason_for(*difference) : nullptr;

	say(&executor == &executor_ ? "64 bits:" : "32 bits:");
	for (const auto &record : both.module.records)
		say("  " + to_text(record, program));
	say(both.module.state);
	if (difference)
		say("difference:\n" + difference->text() + (reason ? reason : "without a reason"));
	return !difference || reason;
}

} // namespace fuzz
