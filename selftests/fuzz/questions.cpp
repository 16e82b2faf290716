// SPDX-License-Identifier: GPL-2.0-only
#include "questions.hpp"

#include "messages.hpp"

namespace fuzz {

namespace {

/* Whether the same call ends in the same way, and only brings something else. */
bool end_alike(const Difference &difference)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	return module && native && module->kind == native->kind && module->call == native->call &&
	       module->step == native->step && module->result == native->result;
}

} // namespace

bool is_one_of(unsigned code, std::initializer_list<unsigned> codes)
{
	return std::ranges::find(codes, code) != codes.end();
}

bool in_states(const Difference &difference)
{
	return !difference.of_module() && !difference.of_native();
}

bool is_about_faults(const Difference &difference, const Ranges &ranges)
{
	const bool alike = end_alike(difference);

	for (const auto *record : {difference.of_module(), difference.of_native()}) {
		if (!record || record->kind == FUZZ_MESSAGE || alike)
			continue;
		const auto &call = difference.program.calls[record->call];
		if ((record->kind != FUZZ_RESULT || record->call != record->step ||
		     is_one_of(call.code, {FUZZ_load, FUZZ_store, FUZZ_send, FUZZ_receive})) &&
		    overlap(touched_by(call), ranges))
			return true;
	}
	return is_about_messages(difference, ranges);
}

bool is_about_protection(const Difference &difference, const Ranges &ranges)
{
	if (!in_states(difference))
		return is_about_faults(difference, ranges);
	const auto states = difference_of_states(difference);
	return !states.other && states.registration.empty() && states.contents.empty() &&
	       have_all(ranges, states.protection);
}

} // namespace fuzz
