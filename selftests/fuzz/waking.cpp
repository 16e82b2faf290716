// SPDX-License-Identifier: GPL-2.0-only
#include "waking.hpp"

#include "contexts.hpp"
#include "messages.hpp"
#include "questions.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <linux/userfault.h>
#include <sys/mman.h>
#include <vector>

namespace fuzz {

namespace {

/* Whether @index has returned before the call at @step, or at it if @at_it. */
bool has_returned(const Transcript &transcript, unsigned index, unsigned step, bool at_it)
{
	return std::ranges::any_of(transcript.records, [&](const fuzz_record &record) {
		return record.call == index &&
		       (record.kind == FUZZ_RESULT || record.kind == FUZZ_RELEASED) &&
		       (record.step < step || (at_it && record.step == step));
	});
}

/* Whether a later call has changed the memory that a call waits in. */
bool is_changed_meanwhile(const Difference &difference, const fuzz_record &wait)
{
	const auto &program = difference.program;
	const auto where = followed(touched_by(program.calls[wait.call]), difference);

	for (unsigned i = wait.step + 1u; i < program.count && i <= difference.step(); i++)
		if (is_one_of(program.calls[i].code, {FUZZ_register, FUZZ_unregister, FUZZ_munmap,
						      FUZZ_mmap, FUZZ_mremap, FUZZ_move}) &&
		    overlap(changed_by(program.calls[i]), where) &&
		    !has_returned(difference.module, wait.call, i, false))
			return true;
	return false;
}

/* Whether it may go on to another page, and wait there. */
bool faults_on_several_pages(const fuzz_call &call)
{
	return is_one_of(call.code, {FUZZ_send, FUZZ_receive, FUZZ_mlock}) ||
	       (call.code == FUZZ_madvise && is_one_of(static_cast<unsigned>(call.arguments[2]),
						       {MADV_POPULATE_READ, MADV_POPULATE_WRITE}));
}

/* Whether @waiting has returned on the module alone, or has gone on to the next page there. */
bool goes_on_on_module_alone(const Difference &difference, unsigned waiting)
{
	const auto step = difference.step();

	if (in_states(difference)) {
		const auto &call = difference.program.calls[waiting];
		const auto states = difference_of_states(difference);
		return faults_on_several_pages(call) &&
		       !has_returned(difference.module, waiting, step, false) &&
		       states.only_appeared() && !states.more_natively &&
		       have_all(touched_by(call), states.appeared);
	}
	return has_returned(difference.module, waiting, step, true) &&
	       !has_returned(difference.native, waiting, step, true);
}

/* The calls that were woken at @step, if there are several. */
std::vector<const fuzz_call *> woken_together(const Difference &difference, unsigned step)
{
	std::vector<const fuzz_call *> woken;

	for (const auto &record : difference.module.records)
		if (record.step == step && ((record.kind == FUZZ_RESULT && record.call != step) ||
					    record.kind == FUZZ_RELEASED))
			woken.push_back(&difference.program.calls[record.call]);
	return woken.size() > 1 ? woken : std::vector<const fuzz_call *>();
}

/* A struct that is elsewhere is written there first. */
bool writes_or_takes_away(const fuzz_call &call)
{
	return call.place || is_one_of(call.code, {FUZZ_store, FUZZ_receive, FUZZ_madvise});
}

/* In which pages it shows when a call comes. A fault in a file also maps what it finds beside. */
Ranges altered_by(const fuzz_call &call, const Difference &difference)
{
	const auto file = mapped_as({FUZZ_SHMEM, FUZZ_PRIVATE_SHMEM, FUZZ_BEYOND}, difference);
	auto ranges = writes_or_takes_away(call) ? touched_by(call) : Ranges();

	if (overlap(touched_by(call), file))
		std::ranges::copy(file, std::back_inserter(ranges));
	return ranges;
}

/*
 * Whether one of @calls reads a huge page, and one writes to it: if the read is first, it finds
 * zeroes, and the write takes one small page of them; else it is a huge page of its own.
 */
bool meet_in_huge_page(const Difference &difference, const std::vector<const fuzz_call *> &calls)
{
	const auto may_be_huge = mapped_as({FUZZ_THP}, difference);

	return std::ranges::any_of(calls, [&](const fuzz_call *call) {
		const auto pages = whole_huge_pages(touched_by(*call));
		return overlap(pages, may_be_huge) &&
		       std::ranges::any_of(calls, [&](const fuzz_call *other) {
			       return writes_or_takes_away(*other) != writes_or_takes_away(*call) &&
				      overlap(pages, touched_by(*other));
		       });
	});
}

bool differs_where_two_are(const Difference &difference,
			   const std::vector<const fuzz_call *> &calls)
{
	const auto states = difference_of_states(difference);

	if (states.only_counts)
		return meet_in_huge_page(difference, calls);
	return states.registration.empty() && states.protection.empty() && !states.more_natively &&
	       std::ranges::count_if(calls, [&](const fuzz_call *call) {
		       return have_all(altered_by(*call, difference), states.differing);
	       }) > 1;
}

/* Whether a call reads something else where one of @calls writes. */
bool reads_what_one_writes(const Difference &difference,
			   const std::vector<const fuzz_call *> &calls)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	if (!module || !native || module->kind != native->kind || module->call != native->call ||
	    module->result != native->result)
		return false;
	const auto &reader = difference.program.calls[module->call];
	return is_one_of(reader.code, {FUZZ_load, FUZZ_send}) &&
	       std::ranges::any_of(calls, [&](const fuzz_call *call) {
		       return writes_or_takes_away(*call) &&
			      overlap(altered_by(*call, difference), touched_by(reader));
	       });
}

/* Of threads that were woken together and fault again, another one tells first. */
bool faults_before_another(const Difference &difference)
{
	const auto waits = [&](const fuzz_record &record, const Ranges &ranges) {
		const auto &call = difference.program.calls[record.call];
		return record.kind == FUZZ_WAITS && record.step < difference.step() &&
		       !has_returned(difference.module, record.call, difference.step(), false) &&
		       overlap(ranges, followed(touched_by(call), difference));
	};
	Ranges woken;

	came_before(difference, [&](const auto &call, const auto &) {
		if (call.code != FUZZ_wake)
			return false;
		const auto ranges = changed_by(call);
		const auto waiting =
			std::ranges::count_if(difference.module.records, [&](const auto &record) {
				return waits(record, ranges);
			});
		if (waiting > 1)
			std::ranges::copy(ranges, std::back_inserter(woken));
		return false;
	});
	return std::ranges::all_of(
		std::initializer_list{difference.of_module(), difference.of_native()},
		[&](const fuzz_record *record) {
			return record && record->kind == FUZZ_MESSAGE &&
			       record->result == UFFD_EVENT_PAGEFAULT &&
			       overlap(woken, {pages_of(record->words[1], 1)});
		});
}

/* Two calls have waited for a message of one context, and each of them has got it once. */
bool reads_for_another(const Difference &difference)
{
	const auto *module = difference.of_module(), *native = difference.of_native();
	const auto has_waited = [&](const fuzz_record *record) {
		return record && record->kind == FUZZ_RESULT && record->call != record->step &&
		       difference.program.calls[record->call].code == FUZZ_read;
	};

	return has_waited(module) && has_waited(native) && module->call != native->call &&
	       context_of(difference, module->call) == context_of(difference, native->call);
}

/* Whether a command that can't write its result has resolved what a call waits for. */
bool is_resolved_without_result(const Difference &difference, const fuzz_record &wait)
{
	const auto where = followed(touched_by(difference.program.calls[wait.call]), difference);

	return came_before(difference, [&](const auto &call, const auto &record) {
		return record.step > wait.step && call.place && record.result == -EFAULT &&
		       type_of(call).answers && overlap(changed_by(call), where) &&
		       !has_returned(difference.module, wait.call, record.step, false);
	});
}

/* Whether only on the module a call goes on that has waited, and that @predicate is true for. */
template <class Predicate> bool wakes_if(const Difference &difference, Predicate &&predicate)
{
	const auto &records = difference.module.records;
	const auto goes_on = [&](unsigned waiting) {
		const auto &call = difference.program.calls[waiting];
		return is_about_messages(difference, followed(touched_by(call), difference)) ||
		       goes_on_on_module_alone(difference, waiting);
	};

	return std::any_of(records.begin(), records.begin() + std::ptrdiff_t(difference.at),
			   [&](const fuzz_record &record) {
				   return record.kind == FUZZ_WAITS &&
					  predicate(difference, record) && goes_on(record.call);
			   });
}

} // namespace

bool wakes_more_threads(const Difference &difference)
{
	return wakes_if(difference, is_changed_meanwhile);
}

bool wakes_without_result(const Difference &difference)
{
	return wakes_if(difference, is_resolved_without_result);
}

bool wakes_in_another_order(const Difference &difference)
{
	for (unsigned step = 0; step <= difference.step(); step++) {
		const auto woken = woken_together(difference, step);
		if (in_states(difference) ? differs_where_two_are(difference, woken)
					  : reads_what_one_writes(difference, woken))
			return true;
	}
	return reads_for_another(difference) || faults_before_another(difference);
}

} // namespace fuzz
