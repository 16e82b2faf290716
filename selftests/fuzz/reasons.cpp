// SPDX-License-Identifier: GPL-2.0-only
#include "reasons.hpp"

#include "errno/reasons.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <linux/userfault.h>
#include <sstream>
#include <string>
#include <vector>

namespace fuzz {

namespace {

using selftests::Row;

/* Whether memory is mapped that a file may end in. */
bool ends_within_mapping(const fuzz_program &program)
{
	return maps(program, FUZZ_BEYOND) ||
	       std::any_of(program.calls, program.calls + program.count,
			   [](const fuzz_call &call) { return call.code == FUZZ_truncate; });
}

/* Whether a call that changes mappings waits until its event is read. */
bool is_changing(const Difference &difference)
{
	const auto &records = difference.module.records;

	return std::any_of(records.begin(), records.begin() + std::ptrdiff_t(difference.at),
			   [&](const fuzz_record &record) {
				   const auto code = difference.program.calls[record.call].code;
				   return record.kind == FUZZ_WAITS &&
					  (code == FUZZ_fork ||
					   (code >= FUZZ_mmap && code <= FUZZ_madvise));
			   });
}

Row row_of(const Difference &difference, const fuzz_record &record)
{
	const auto &call = difference.program.calls[record.call];
	const auto &type = type_of(call);
	const auto given = arguments_of(type);
	Row row;

	for (const auto *letter = type.name; *letter; letter++)
		row.command += static_cast<char>(std::toupper(*letter));
	row.call = to_text(call);
	if (ends_within_mapping(difference.program))
		row.call += ", no page of shmem";
	if (is_changing(difference))
		row.call += ", while mappings change";
	row.outcome.error = record.result < 0 ? -record.result : 0;
	row.given.assign(call.arguments, call.arguments + given);
	if (type.answers)
		row.given.push_back(0x5a5a'5a5a'5a5a'5a5a);
	row.outcome.fields.assign(record.words, record.words + row.given.size());
	return row;
}

const char *reason_for_single_call(const Difference &difference)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	if (!module || !native || module->call != native->call || module->kind != FUZZ_RESULT ||
	    native->kind != FUZZ_RESULT || !type_of(difference.program.calls[module->call]).command)
		return nullptr;
	const auto *reason =
		selftests::reason_for(row_of(difference, *module), row_of(difference, *native));
	return reason ? reason->text : nullptr;
}

/* Whether a call before the difference, or the one that shows it, was such a one. */
template <class Predicate> bool came_before(const Difference &difference, Predicate &&predicate)
{
	const auto &records = difference.module.records;

	return std::any_of(records.begin(), records.begin() + std::ptrdiff_t(difference.at),
			   [&](const fuzz_record &record) {
				   return record.kind == FUZZ_RESULT &&
					  predicate(difference.program.calls[record.call], record);
			   });
}

bool is_one_of(unsigned code, std::initializer_list<unsigned> codes)
{
	return std::ranges::find(codes, code) != codes.end();
}

/* Whether a call has waited, and when: before the call that shows the difference. */
bool any_waits(const Difference &difference)
{
	const auto &records = difference.module.records;

	return std::any_of(records.begin(), records.begin() + std::ptrdiff_t(difference.at),
			   [](const fuzz_record &record) { return record.kind == FUZZ_WAITS; });
}

/* A call that waited has returned on the module alone. */
bool returns_on_module_alone(const Difference &difference)
{
	const auto *record = difference.of_module();

	if (!record || (record->kind != FUZZ_RESULT && record->kind != FUZZ_RELEASED))
		return false;
	return record->call != record->step &&
	       std::ranges::none_of(difference.native.records, [&](const fuzz_record &other) {
		       return other.kind == record->kind && other.call == record->call &&
			      other.step == record->step;
	       });
}

bool is_about_messages(const Difference &difference)
{
	for (const auto *record : {difference.of_module(), difference.of_native()})
		if (record && (record->kind == FUZZ_MESSAGE ||
			       is_one_of(difference.program.calls[record->call].code,
					 {FUZZ_read, FUZZ_poll})))
			return true;
	return false;
}

bool wakes_more_threads(const Difference &difference)
{
	const bool changed = came_before(difference, [](const auto &call, const auto &) {
		return is_one_of(call.code, {FUZZ_register, FUZZ_unregister, FUZZ_munmap, FUZZ_mmap,
					     FUZZ_mremap, FUZZ_move});
	});
	const auto *call = difference.call();
	const bool changes =
		call && is_one_of(call->code, {FUZZ_register, FUZZ_unregister, FUZZ_munmap,
					       FUZZ_mmap, FUZZ_mremap, FUZZ_move});

	return any_waits(difference) && ((changes && returns_on_module_alone(difference)) ||
					 (changed && is_about_messages(difference)));
}

/* Whether two calls have returned at once that had waited, and one of them has written. */
bool has_woken_a_writer_and_another(const Difference &difference)
{
	const auto &records = difference.module.records;
	unsigned woken[FUZZ_CALLS + 1] = {}, writers[FUZZ_CALLS + 1] = {};

	for (const auto &record : records)
		if ((record.kind == FUZZ_RESULT && record.call != record.step) ||
		    record.kind == FUZZ_RELEASED) {
			woken[record.step]++;
			writers[record.step] +=
				is_one_of(difference.program.calls[record.call].code,
					  {FUZZ_store, FUZZ_receive});
		}
	for (unsigned step = 0; step <= std::min<unsigned>(difference.step(), FUZZ_CALLS); step++)
		if (woken[step] > 1 && writers[step])
			return true;
	return false;
}

/* Only in what was read, or in the contents at the end. */
bool wakes_in_another_order(const Difference &difference)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	if (!has_woken_a_writer_and_another(difference))
		return false;
	if (!module || !native)
		return !module && !native &&
		       difference.module.mappings() == difference.native.mappings();
	return module->kind == native->kind && module->call == native->call &&
	       module->result == native->result &&
	       is_one_of(difference.program.calls[module->call].code, {FUZZ_load, FUZZ_send});
}

/* A call that waited has returned natively. */
bool returns_natively(const Difference &difference)
{
	const auto *record = difference.of_native();

	return record && record->kind == FUZZ_RESULT && record->call != record->step;
}

/* Natively the change goes on whose message is lost. */
bool keeps_unread_messages(const Difference &difference)
{
	return (is_about_messages(difference) || returns_natively(difference)) &&
	       came_before(difference, [](const auto &call, const auto &record) {
		       return call.code == FUZZ_read && call.place && record.result == -EFAULT;
	       });
}

/* What other pages a call or an access finds, or whom it wakes: not what a command answers. */
bool is_about_faults(const Difference &difference)
{
	for (const auto *record : {difference.of_module(), difference.of_native()})
		if (record && (record->kind != FUZZ_RESULT || record->call != record->step ||
			       is_one_of(difference.program.calls[record->call].code,
					 {FUZZ_load, FUZZ_store, FUZZ_send, FUZZ_receive})))
			return true;
	return is_about_messages(difference);
}

/* A state without its pages' protection. Pages that are alike then are one run: 2*+p 1*+ is 3*+. */
std::string without_protection(const std::string &state)
{
	std::istringstream lines(state);
	std::string text;

	for (std::string line; std::getline(lines, line); text += '\n') {
		std::istringstream words(line);
		std::string last;
		unsigned long count = 0;

		for (std::string word; words >> word;) {
			const auto star = word.find('*');
			if (star == word.npos || !std::isdigit(word.front())) {
				text += ' ' + word;
				continue;
			}
			auto page = word.substr(star);
			std::erase(page, 'p');
			if (page != last && count)
				text += ' ' + std::to_string(count) + last;
			count = (page == last ? count : 0) + std::stoul(word);
			last = page;
		}
		text += ' ' + std::to_string(count) + last;
	}
	return text;
}

bool is_about_protection(const Difference &difference)
{
	if (difference.of_module() || difference.of_native())
		return is_about_faults(difference);
	return without_protection(difference.module.state) ==
	       without_protection(difference.native.state);
}

bool has_protected_nothing(const Difference &difference)
{
	return selftests::kernel() >= 6004 && is_about_protection(difference) &&
	       came_before(difference, [](const auto &call, const auto &record) {
		       return is_one_of(call.code, {FUZZ_writeprotect, FUZZ_rwprotect}) &&
			      (record.result == -ENOENT || record.result == -EINVAL) &&
			      call.arguments[1] > FUZZ_PAGE;
	       });
}

bool overlap(const fuzz_call &one, const fuzz_call &other)
{
	const auto start = std::max(one.arguments[0], other.arguments[0]);

	return start - one.arguments[0] < one.arguments[1] &&
	       start - other.arguments[0] < other.arguments[1];
}

/* Registered for protection, and then again without it. */
bool unprotects_what_is_registered_again(const Difference &difference)
{
	std::vector<const fuzz_call *> with;

	return selftests::kernel() < 7003 && is_about_protection(difference) &&
	       came_before(
		       difference,
		       [&](const auto &call, const auto &record) {
			       if (call.code != FUZZ_register || record.result)
				       return false;
			       if (call.arguments[2] & UFFDIO_REGISTER_MODE_WP) {
				       with.push_back(&call);
				       return false;
			       }
			       return std::ranges::any_of(with, [&](const auto *before) {
				       return overlap(*before, call);
			       });
		       });
}

bool unregisters_only_what_mremap_moved(const Difference &difference)
{
	const bool in_state = !difference.of_module() && !difference.of_native();

	return (in_state || is_about_faults(difference)) &&
	       came_before(difference,
			   [](const auto &call, const auto &record) {
				   return call.code == FUZZ_mremap && !record.result;
			   }) &&
	       came_before(difference, [](const auto &call, const auto &record) {
		       return call.code == FUZZ_api && !record.result &&
			      !(call.arguments[1] & UFFD_FEATURE_EVENT_REMAP);
	       });
}

/*
 * How many more mappings native userfaultfd leaves, negative if it leaves fewer; 0 if more than the
 * borders of mappings differs.
 */
std::ptrdiff_t more_mappings_natively(const Difference &difference)
{
	const auto contents = [](const Transcript &transcript) {
		return transcript.state.substr(transcript.mappings().size());
	};

	if (difference.of_module() || difference.of_native() ||
	    contents(difference.module) != contents(difference.native))
		return 0;
	return std::ranges::count(difference.native.state, '\n') -
	       std::ranges::count(difference.module.state, '\n');
}

/* Only the borders of mappings differ, and the module has fewer. */
bool merges_what_is_unregistered(const Difference &difference)
{
	return selftests::kernel() < 6012 && more_mappings_natively(difference) > 0 &&
	       came_before(difference, [](const auto &call, const auto &record) {
		       return is_one_of(call.code, {FUZZ_register, FUZZ_unregister}) &&
			      !record.result;
	       });
}

bool fills_private_zero_device(const Difference &difference)
{
	const auto *native = difference.of_native();

	return native && native->result == -EFAULT &&
	       came_before(difference, [](const auto &call, const auto &record) {
		       return call.code == FUZZ_mmap && !record.result &&
			      call.arguments[2] % FUZZ_MEMORIES == FUZZ_ZERO;
	       });
}

/* Only the borders of mappings differ, after a command that fills was refused. */
bool prepares_mapping_first(const Difference &difference)
{
	return selftests::kernel() < 6012 && more_mappings_natively(difference) < 0 &&
	       came_before(
		       difference,
		       [](const auto &call, const auto &record) {
			       return is_one_of(call.code,
						{FUZZ_copy, FUZZ_zeropage, FUZZ_continue}) &&
				      (record.result == -ENOENT || record.result == -EINVAL);
		       });
}

/* Each has its paragraph in Documentation/userfault.rst. */
const struct {
	bool (*covers)(const Difference &difference);
	const char *text;
} reasons[] = {
	{wakes_more_threads, "native userfaultfd leaves threads asleep whose fault has changed"},
	{wakes_in_another_order, "threads that are woken together go on in any order"},
	{keeps_unread_messages, "native userfaultfd loses messages that can't be written"},
	{has_protected_nothing,
	 "newer kernels protect the mappings before the one that is refused"},
	{unprotects_what_is_registered_again,
	 "native userfaultfd leaves protection behind that registering again takes away"},
	{unregisters_only_what_mremap_moved,
	 "native userfaultfd unregisters the whole mapping that mremap() moves memory into"},
	{prepares_mapping_first,
	 "older kernels check a mapping before they prepare it for anonymous pages"},
	{merges_what_is_unregistered,
	 "older kernels leave a mapping beside its neighbour that has become like it"},
	{fills_private_zero_device, "native userfaultfd can't fill private mappings of /dev/zero"},
};

} // namespace

const char *reason_for(const Difference &difference)
{
	if (!difference.module.complete || !difference.native.complete)
		return nullptr;
	if (const auto *text = reason_for_single_call(difference))
		return text;
	for (const auto &reason : reasons)
		if (reason.covers(difference))
			return reason.text;
	return nullptr;
}

} // namespace fuzz
