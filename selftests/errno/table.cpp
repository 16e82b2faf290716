// SPDX-License-Identifier: GPL-2.0-only
#include "errno/table.hpp"

#include "lib/memory.hpp"

#include <cerrno>

namespace selftests {

Words words_for(const Command &command, std::uint64_t start, std::uint64_t length)
{
	switch (command.number) {
	case UFFDIO_API:
		return {UFFD_API, 0, untouched};
	case UFFDIO_REGISTER:
		return {start, length, UFFDIO_REGISTER_MODE_MISSING, untouched};
	case UFFDIO_COPY:
	case UFFDIO_MOVE:
		return {start, Stage::at("source"), length, 0, untouched};
	case UFFDIO_POISON:
	case UFFDIO_ZEROPAGE:
	case UFFDIO_CONTINUE:
		return {start, length, 0, untouched};
	case UFFDIO_WRITEPROTECT:
		return {start, length, UFFDIO_WRITEPROTECT_MODE_WP};
	case UFFDIO_RWPROTECT:
		return {start, length, UFFDIO_RWPROTECT_MODE_RWP};
	default:
		return {start, length};
	}
}

Words good_words_for(const Command &command)
{
	const auto *where = command.number == UFFDIO_WRITEPROTECT ? "protectable" : "registered";

	if (command.number == UFFDIO_SET_MODE)
		return {0, UFFD_FEATURE_RWP_ASYNC};
	return words_for(command, Stage::at(where), page_size());
}

std::uint64_t &mode_of(const Command &command, Words &words)
{
	return words[words.size() - (command.answers ? 2 : 1)];
}

Table::Table(Backend backend, const Setting &setting, Renewal renewal)
	: backend_(backend), setting_(setting), renewal_(renewal), files_(setting)
{
	start_over();
	state_before_ = state_at_first_ = stage_->state();
}

Row &Table::call(const Command &command, const std::string &arguments, Words words)
{
	const auto given = words;
	const auto result = stage_->context().ioctl(command.number, words.data());
	auto &row = note(command, arguments, result ? 0 : result.error().value(), words);

	row.given = given;
	row.newer |= command.number == UFFDIO_CONTINUE &&
		     mode_of(command, words) & UFFDIO_CONTINUE_MODE_WP;
	return row;
}

Row &Table::note(const Command &command, const std::string &arguments, int error, Words words)
{
	/* If the struct has a negative answer, the error came before any change. */
	const bool answered =
		command.answers && !words.empty() && static_cast<std::int64_t>(words.back()) < 0;
	/* Other errors came before it too, but WRITEPROTECT may find something wrong only later. */
	const bool perhaps = !error || error == EFAULT || error == EAGAIN ||
			     (command.number == UFFDIO_WRITEPROTECT && error == ENOENT);
	Outcome outcome{error, std::move(words), ""};
	bool changed = false;

	if (command.changes && perhaps && !answered) {
		outcome.state = stage_->state();
		changed = outcome.state != state_before_;
		if (renewal_ == Renewal::when_told)
			state_before_ = outcome.state;
		else if (!error || changed)
			start_over();
	}
	rows_.push_back({command.name, arguments, std::move(outcome)});
	rows_.back().changed = changed;
	rows_.back().newer = command.newer || setting_.features != userfault::Features::None;
	return rows_.back();
}

void Table::look_at_what_is_left()
{
	rows_.push_back({rows_.back().command, "what is left", {0, {}, stage_->state()}});
	start_over();
}

void Table::start_over()
{
	stage_.reset();
	stage_ = std::make_unique<Stage>(backend_, setting_, files_);
	state_before_ = state_at_first_;
}

} // namespace selftests
