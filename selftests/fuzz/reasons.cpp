// SPDX-License-Identifier: GPL-2.0-only
#include "reasons.hpp"

#include "contexts.hpp"
#include "errno/reasons.hpp"
#include "messages.hpp"
#include "questions.hpp"
#include "remapping.hpp"
#include "waking.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <linux/userfault.h>
#include <set>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace fuzz {

namespace {

using selftests::Row;

/* Whether a call fills pages that a file of shmem may have ended before. */
bool is_at_end_of_file(const Difference &difference, const fuzz_call &call)
{
	const auto &program = difference.program;
	const bool truncates = std::any_of(
		program.calls, program.calls + std::min(program.count, difference.step()),
		[](const fuzz_call &each) { return each.code == FUZZ_truncate; });
	const auto ending =
		truncates ? mapped_as({FUZZ_SHMEM, FUZZ_PRIVATE_SHMEM, FUZZ_BEYOND}, difference)
			  : mapped_as({FUZZ_BEYOND}, difference);

	return overlap(changed_by(call), ending);
}

/* Whether one of these calls waits until its event is read. */
bool is_waiting(const Difference &difference, std::initializer_list<unsigned> codes)
{
	const auto &records = difference.module.records;
	std::set<unsigned> waiting;

	for (std::size_t i = 0; i < difference.at; i++) {
		const auto code = difference.program.calls[records[i].call].code;
		if (records[i].kind == FUZZ_WAITS && is_one_of(code, codes))
			waiting.insert(records[i].call);
		if (records[i].kind == FUZZ_RESULT)
			waiting.erase(records[i].call);
	}
	return !waiting.empty();
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
	if (call.place)
		row.call += ", struct elsewhere";
	if (is_at_end_of_file(difference, call))
		row.call += ", no page of shmem";
	if (is_waiting(difference, {FUZZ_fork, FUZZ_mmap, FUZZ_munmap, FUZZ_mremap, FUZZ_madvise}))
		row.call += ", while mappings change";
	row.other_context = has_other_context(difference, record.call);
	row.by_32_bits = difference.module.by_32_bits;
	row.outcome.error = record.result < 0 ? -record.result : 0;
	row.given.assign(call.arguments, call.arguments + given);
	if (type.answers)
		row.given.push_back(0x5a5a'5a5a'5a5a'5a5a);
	row.outcome.fields.assign(record.words, record.words + row.given.size());
	return row;
}

/* The call that goes another way, if it is the same on both; else null. */
const fuzz_call *differing_call(const Difference &difference)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	return module && native && module->call == native->call
		       ? &difference.program.calls[module->call]
		       : nullptr;
}

const char *reason_for_single_call(const Difference &difference)
{
	const auto *call = differing_call(difference);
	const auto *module = difference.of_module(), *native = difference.of_native();

	if (!call || module->kind != FUZZ_RESULT || native->kind != FUZZ_RESULT ||
	    !type_of(*call).command)
		return nullptr;
	const auto *reason =
		selftests::reason_for(row_of(difference, *module), row_of(difference, *native));
	return reason ? reason->text : nullptr;
}

/*
 * Natively before the source is read: the module may wait for that, which others may read of, and
 * the source is there then.
 */
bool finds_end_of_file_first(const Difference &difference)
{
	const auto *native = difference.of_native();
	const auto fails = [&](const auto &call, const auto &record) {
		return call.code == FUZZ_copy && record.kind == FUZZ_RESULT &&
		       (record.result == -ENOMEM || record.result == -EAGAIN) &&
		       is_at_end_of_file(difference, call);
	};

	if (selftests::kernel() < 7002)
		return false;
	if (!in_states(difference))
		return native && fails(difference.program.calls[native->call], *native);
	const auto sources = ranges_of_calls(difference, fails, touched_by);
	const auto states = difference_of_states(difference);
	return states.registration.empty() && states.protection.empty() && !states.more_natively &&
	       have_all(sources, states.differing);
}

/* A call that waited has returned natively, if only when its context was closed. */
bool returns_natively(const Difference &difference)
{
	const auto *record = difference.of_native();

	return record && record->call != record->step &&
	       is_one_of(record->kind, {FUZZ_RESULT, FUZZ_RELEASED});
}

/* Whether the context that the call at @opening made has asked for the events of forks. */
bool is_told_of_forks(const Difference &difference, int opening)
{
	return came_before(difference, [&](const auto &call, const auto &record) {
		return call.code == FUZZ_api && !record.result &&
		       call.arguments[1] & UFFD_FEATURE_EVENT_FORK &&
		       context_of(difference, record.call) == opening;
	});
}

/* Natively a call has returned that waited until the context's reader knew of a change. */
bool change_goes_on_natively(const Difference &difference, int opening)
{
	if (!returns_natively(difference))
		return false;
	const auto &call = difference.program.calls[difference.of_native()->call];
	return call.code == FUZZ_fork ? is_told_of_forks(difference, opening)
				      : has_held(difference, opening, changed_by(call));
}

/* Natively the change goes on whose message is lost. */
bool keeps_unread_messages(const Difference &difference)
{
	const auto loses_one = [&](const fuzz_record &record) {
		const auto &call = difference.program.calls[record.call];
		return call.code == FUZZ_read && call.place && record.result == -EFAULT;
	};
	const auto tells = [&](const fuzz_record &read) {
		const auto opening = context_of(difference, read.call);
		return change_goes_on_natively(difference, opening) ||
		       has_no_more_to_read_natively(difference, opening);
	};

	/* The call that waits for its message to be read may return before the read does. */
	if (const auto *module = difference.of_module();
	    module && loses_one(*module) &&
	    change_goes_on_natively(difference, context_of(difference, module->call)))
		return true;
	return came_before(difference, [&](const auto &, const auto &record) {
		return loses_one(record) && tells(record);
	});
}

/* A call that unmaps parts of several contexts, or several parts, waits until that is read. */
bool tells_all_unmappings_at_once(const Difference &difference)
{
	return has_unmapping_too(difference) &&
	       is_waiting(difference, {FUZZ_mmap, FUZZ_munmap, FUZZ_mremap});
}

/* No huge page is made: natively there is a page table with holes, on the module there is none. */
bool finds_no_page_table(const Difference &difference, const Ranges &ranges)
{
	const auto *call = differing_call(difference);

	return call && call->code == FUZZ_madvise && call->arguments[2] == madv_collapse &&
	       difference.of_module()->result == -EINVAL &&
	       difference.of_native()->result == -EBUSY && overlap(changed_by(*call), ranges);
}

/* Where UFFDIO_MOVE has passed over holes: those count as moved, too. */
Ranges moved_with_holes(const Difference &difference)
{
	return ranges_of_calls(difference, [](const auto &call, const auto &record) {
		return call.code == FUZZ_move &&
		       call.arguments[3] & UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES &&
		       (!record.result || record.result == -EAGAIN || record.result == -EEXIST);
	});
}

/* Where holes were moved the memory could have a huge page later, on the module alone. */
bool makes_no_page_table(const Difference &difference)
{
	auto moved = whole_huge_pages(moved_with_holes(difference));

	if (!in_states(difference))
		return finds_no_page_table(difference, moved);
	const auto may_be_huge = mapped_as({FUZZ_THP}, difference);
	std::erase_if(moved, [&](const Range &range) { return !overlap({range}, may_be_huge); });
	const auto states = difference_of_states(difference);
	if (states.differing.empty())
		return states.fewer_huge_natively && !moved.empty();
	return states.only_appeared() && have_all(moved, states.appeared);
}

/* What a command that protects was refused for. */
Ranges refused_to_protect(const Difference &difference)
{
	if (selftests::kernel() < 6004)
		return {};
	return ranges_of_calls(difference, [](const auto &call, const auto &record) {
		return is_one_of(call.code, {FUZZ_writeprotect, FUZZ_rwprotect}) &&
		       (record.result == -ENOENT || record.result == -EINVAL) &&
		       call.arguments[1] > FUZZ_PAGE;
	});
}

bool has_protected_nothing(const Difference &difference)
{
	const auto ranges = refused_to_protect(difference);

	if (is_about_protection(difference, ranges))
		return true;
	if (!in_states(difference))
		return false;
	/* It may have split huge pages, too. */
	const auto states = difference_of_states(difference);
	return states.fewer_huge_natively && overlap(ranges, mapped_as({FUZZ_THP}, difference)) &&
	       states.registration.empty() && states.contents.empty() &&
	       (states.protection.empty() || have_all(ranges, states.protection));
}

/* Registered for protection, and then again without it. */
Ranges registered_again(const Difference &difference)
{
	Ranges with;

	if (selftests::kernel() >= 7003)
		return {};
	return ranges_of_calls(difference, [&](const auto &call, const auto &record) {
		if (call.code != FUZZ_register || record.result)
			return false;
		const auto ranges = followed(changed_by(call), difference);
		if (!(call.arguments[2] & UFFDIO_REGISTER_MODE_WP))
			return overlap(ranges, with);
		std::ranges::copy(ranges, std::back_inserter(with));
		return false;
	});
}

bool unprotects_what_is_registered_again(const Difference &difference)
{
	return is_about_protection(difference, registered_again(difference));
}

/* How many more mappings native userfaultfd leaves; 0 if more than their borders differs. */
std::ptrdiff_t more_mappings_natively(const Difference &difference)
{
	if (!in_states(difference))
		return 0;
	const auto states = difference_of_states(difference);
	return states.only_borders() ? states.more_natively : 0;
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

/* Whether a command that works on one mapping only was refused natively. */
bool meets_border_natively(const Difference &difference)
{
	const auto *call = differing_call(difference);
	const auto *native = difference.of_native();

	if (!call || native->kind != FUZZ_RESULT)
		return false;
	if (native->result == -EINVAL)
		return call->code == FUZZ_move;
	return native->result == -ENOENT &&
	       is_one_of(call->code,
			 {FUZZ_copy, FUZZ_zeropage, FUZZ_continue, FUZZ_poison, FUZZ_move});
}

/*
 * A mapping that KSM may merge pages of doesn't merge with one that it may not. Advice reaches
 * mappings beside a hole, too.
 */
bool keeps_memory_out_of_ksm(const Difference &difference)
{
	return (in_states(difference) ? difference_of_states(difference).only_borders()
				      : meets_border_natively(difference)) &&
	       came_before(difference, [](const auto &call, const auto &record) {
		       return (call.code == FUZZ_merge && !record.result) ||
			      (call.code == FUZZ_madvise && call.arguments[2] == MADV_MERGEABLE &&
			       (!record.result || record.result == -ENOMEM));
	       });
}

bool fills_private_zero_device(const Difference &difference)
{
	const auto *native = difference.of_native();

	if (!native || native->kind != FUZZ_RESULT || native->result != -EFAULT)
		return false;
	const auto &call = difference.program.calls[native->call];
	return is_one_of(call.code, {FUZZ_copy, FUZZ_zeropage, FUZZ_poison}) &&
	       overlap(changed_by(call), mapped_as({FUZZ_ZERO}, difference));
}

/*
 * A copy to memory of a file has waited for its source, and meanwhile something was done by which
 * the mapping may have been split, or become one with its neighbour.
 */
bool goes_on_in_another_mapping(const Difference &difference)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	if (selftests::kernel() < 7002 || !module || !native || module->call != native->call ||
	    module->kind != FUZZ_RESULT || native->kind != FUZZ_RESULT ||
	    native->result != -EAGAIN || native->call == native->step)
		return false;
	const auto &calls = difference.program.calls;
	const auto files =
		mapped_as({FUZZ_SHARED, FUZZ_SHMEM, FUZZ_PRIVATE_SHMEM, FUZZ_BEYOND}, difference);
	const auto changes = [&](const fuzz_call &call) {
		return is_one_of(call.code,
				 {FUZZ_register, FUZZ_unregister, FUZZ_munmap, FUZZ_mremap,
				  FUZZ_madvise, FUZZ_mprotect, FUZZ_mlock, FUZZ_munlock}) &&
		       overlap(changed_by(call), files);
	};

	return calls[native->call].code == FUZZ_copy &&
	       overlap(changed_by(calls[native->call]), files) &&
	       std::any_of(&calls[native->call] + 1, &calls[native->step] + 1, changes);
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

/* Where a swapped-out page may have moved, and nothing is protected. */
Ranges moved_from_swap(const Difference &difference)
{
	Ranges moved;
	const bool swapped = came_before(difference, [](const auto &call, const auto &) {
		return call.code == FUZZ_madvise && call.arguments[2] == MADV_PAGEOUT;
	});

	came_before(difference, [&](const auto &call, const auto &record) {
		if (call.code == FUZZ_move && (!record.result || record.result == -EAGAIN))
			moved.push_back(pages_of(call.arguments[0], call.arguments[2]));
		return false;
	});
	return swapped ? followed(moved, difference) : Ranges();
}

bool leaves_protection_behind(const Difference &difference)
{
	return is_about_protection(difference, moved_from_swap(difference));
}

/* Each page that differs has one of the reasons for its protection or registration. */
bool has_several_reasons(const Difference &difference)
{
	Ranges ranges;

	if (!in_states(difference))
		return false;
	for (const auto &some : {refused_to_protect(difference), registered_again(difference),
				 moved_from_swap(difference), moved_untold(difference)})
		std::ranges::copy(some, std::back_inserter(ranges));
	const auto states = difference_of_states(difference);
	return !states.other && states.contents.empty() && have_all(ranges, states.differing) &&
	       (states.registration.empty() ||
		have_all(moved_untold(difference), states.registration));
}

/* A call that has waited in what natively is unregistered goes on there before that returns. */
bool keeps_what_is_of_others(const Difference &difference)
{
	const auto *module = difference.of_module();

	return selftests::kernel() < 6017 && module && module->kind == FUZZ_RESULT &&
	       module->result == -EINVAL && returns_natively(difference) &&
	       difference.program.calls[module->call].code == FUZZ_unregister &&
	       has_other_context(difference, module->call);
}

/* Unregistering was refused for a part of a huge page. */
bool unregisters_all_or_nothing(const Difference &difference)
{
	const auto huge = mapped_as({FUZZ_HUGE, FUZZ_SHARED_HUGE, FUZZ_FILLED_HUGE}, difference);
	const auto ranges = ranges_of_calls(difference, [&](const auto &call, const auto &record) {
		return call.code == FUZZ_unregister && record.result == -EINVAL &&
		       overlap(changed_by(call), huge);
	});

	if (!in_states(difference))
		return is_about_faults(difference, ranges);
	const auto states = difference_of_states(difference);
	return !states.other && states.contents.empty() &&
	       have_all(whole_huge_pages(ranges), states.differing);
}

/* The answer to UFFDIO_API lies in the pages that are compared. */
bool tells_of_newer_features(const Difference &difference)
{
	if (selftests::kernel() >= 7003 || !in_states(difference))
		return false;
	const auto answered = ranges_of_calls(
		difference,
		[](const auto &call, const auto &record) {
			return call.code == FUZZ_api && !record.result;
		},
		touched_by);
	const auto states = difference_of_states(difference);
	return !states.other && have_all(answered, states.contents) &&
	       states.differing == states.contents;
}

/* Each has its paragraph in Documentation/userfault.rst; more than one of them may be at work. */
const struct {
	bool (*covers)(const Difference &difference);
	const char *text;
} reasons[] = {
	{wakes_more_threads, "native userfaultfd leaves threads asleep whose fault has changed"},
	{wakes_without_result,
	 "native userfaultfd leaves threads asleep if it can't write a command's result"},
	{wakes_in_another_order, "threads that are woken together go on in any order"},
	{keeps_unread_messages, "native userfaultfd loses messages that can't be written"},
	{has_protected_nothing,
	 "newer kernels protect the mappings before the one that is refused"},
	{unprotects_what_is_registered_again,
	 "native userfaultfd leaves protection behind that registering again takes away"},
	{leaves_protection_behind,
	 "native userfaultfd moves the protection of swapped-out pages along"},
	{finds_end_of_file_first,
	 "since Linux 7.2 the kernel answers ENOMEM where a shared file ends before the page"},
	{goes_on_in_another_mapping,
	 "since Linux 7.2 a copy that has waited for its source ends if its mapping was split"},
	{tells_all_unmappings_at_once,
	 "native userfaultfd tells one part of an unmapping after the other"},
	{makes_no_page_table,
	 "native UFFDIO_MOVE makes a page table where nothing moves, and a huge page could be"},
	{unregisters_all_or_nothing,
	 "native userfaultfd unregisters the mappings before a part of a huge page"},
	{unregisters_only_what_mremap_moved,
	 "native userfaultfd unregisters the whole mapping that mremap() moves memory into"},
	{prepares_mapping_first,
	 "older kernels check a mapping before they prepare it for anonymous pages"},
	{merges_what_is_unregistered,
	 "older kernels leave a mapping beside its neighbour that has become like it"},
	{tells_of_newer_features,
	 "API answers which features there are, and older kernels have fewer"},
	{keeps_memory_out_of_ksm, "the module keeps protected memory out of KSM"},
	{keeps_what_is_of_others, "newer kernels do not unregister what another context holds"},
	{has_several_reasons, "several of the differences in protection come together"},
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
