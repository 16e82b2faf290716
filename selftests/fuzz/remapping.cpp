// SPDX-License-Identifier: GPL-2.0-only
#include "remapping.hpp"

#include "messages.hpp"
#include "questions.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <linux/userfault.h>
#include <utility>

namespace fuzz {

namespace {

/* @ranges, and what of @others touches them, directly or by way of others. */
Ranges connected(Ranges ranges, Ranges others)
{
	const auto touches = [&](const Range &other) {
		return std::ranges::any_of(ranges, [&](const Range &each) {
			return each.start <= other.end && other.start <= each.end;
		});
	};
	const auto next = [&] { return std::ranges::find_if(others, touches); };

	for (auto found = next(); found != others.end(); found = next()) {
		ranges.push_back(*found);
		others.erase(found);
	}
	return ranges;
}

bool succeeds(const fuzz_record &record)
{
	return record.result >= 0 && !(record.result & FUZZ_SIGNAL);
}

/* Whether an access, or what else faults, comes further natively: nobody is told of a fault. */
bool faults_for_nobody(const fuzz_record &module, const fuzz_record &native)
{
	if (native.kind != FUZZ_RESULT)
		return false;
	return module.kind == FUZZ_WAITS ||
	       (succeeds(native) && (!succeeds(module) || module.result < native.result));
}

/* Whether a command finds memory natively that isn't registered, or not with another context. */
bool finds_unregistered(const fuzz_call &call, const fuzz_record &module, const fuzz_record &native)
{
	if (module.kind != FUZZ_RESULT || native.kind != FUZZ_RESULT)
		return false;
	if (is_one_of(call.code, {FUZZ_register, FUZZ_unregister}))
		return !native.result && (module.result == -EBUSY || module.result == -EINVAL);
	return native.result == (call.code == FUZZ_move ? -EINVAL : -ENOENT) &&
	       module.result != native.result;
}

/* Whether a change tells nobody natively, or finds one mapping where the module has several. */
bool changes_for_nobody(const fuzz_call &call, const fuzz_record &module, const fuzz_record &native)
{
	return native.kind == FUZZ_RESULT &&
	       (module.kind == FUZZ_WAITS ||
		(call.code == FUZZ_mremap && !native.result && module.result == -EFAULT));
}

/* A call that has waited because of @ranges returns natively, and not yet on the module. */
bool returns_sooner_natively(const Difference &difference, const Ranges &ranges)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	if (!native || native->kind != FUZZ_RESULT || native->call == native->step ||
	    (module && module->call == native->call && module->step == native->step))
		return false;
	const auto &call = difference.program.calls[native->call];
	return overlap(touched_by(call), ranges) || overlap(changed_by(call), ranges);
}

/* Whether for a call memory in @ranges is registered on the module, and not natively. */
bool acts_as_unregistered(const Difference &difference, const Ranges &ranges)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	if (returns_sooner_natively(difference, ranges))
		return true;
	if (!module || !native || module->call != native->call || module->kind == FUZZ_MESSAGE)
		return false;
	const auto &call = difference.program.calls[module->call];
	if (overlap(touched_by(call), ranges) && faults_for_nobody(*module, *native))
		return true;
	return overlap(changed_by(call), ranges) &&
	       (type_of(call).command ? finds_unregistered(call, *module, *native)
				      : changes_for_nobody(call, *module, *native));
}

} // namespace

Ranges moved_untold(const Difference &difference)
{
	Ranges ranges, registered;
	const bool untold = came_before(difference, [](const auto &call, const auto &record) {
		return call.code == FUZZ_api && !record.result &&
		       !(call.arguments[1] & UFFD_FEATURE_EVENT_REMAP);
	});

	if (!untold)
		return {};
	for (std::size_t i = 0; i < difference.at; i++) {
		const auto &record = difference.module.records[i];
		const auto &call = difference.program.calls[record.call];
		const bool succeeded = record.kind == FUZZ_RESULT && !record.result;
		if (call.code == FUZZ_mremap && (succeeded || record.kind == FUZZ_WAITS))
			std::ranges::copy(changed_by(call), std::back_inserter(ranges));
		if (call.code == FUZZ_register && succeeded)
			std::ranges::copy(changed_by(call), std::back_inserter(registered));
	}
	/* Memory that never was beside registered memory has nothing to do with it. */
	const auto moved = ranges.size();
	ranges = connected(std::move(ranges), std::move(registered));
	return ranges.size() > moved ? ranges : Ranges();
}

/*
 * Natively at once; on the module, when mremap() has told all of its events. The mapping that the
 * memory arrives in may be larger than what is moved there.
 */
bool unregisters_only_what_mremap_moved(const Difference &difference)
{
	const auto ranges = moved_untold(difference);

	if (!in_states(difference))
		return acts_as_unregistered(difference, ranges) ||
		       is_told_on_module_alone(difference, ranges);
	const auto states = difference_of_states(difference);
	/* What is not registered natively may have become one with its neighbour. */
	if (states.differing.empty())
		return states.only_borders() && states.more_natively < 0 && !ranges.empty();
	return !states.other && states.contents.empty() && states.kept_natively.empty() &&
	       have_all(ranges, states.differing);
}

} // namespace fuzz
