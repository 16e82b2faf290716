// SPDX-License-Identifier: GPL-2.0-only
#include "contexts.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <linux/userfault.h>

namespace fuzz {

namespace {

/* Which calls made the contexts that the slots have before @step, or -1. */
std::array<int, FUZZ_SLOTS> contexts_before(const Difference &difference, unsigned step)
{
	std::array<int, FUZZ_SLOTS> contexts;

	contexts.fill(-1);
	for (const auto &record : difference.module.records) {
		const auto &call = difference.program.calls[record.call];
		auto &slot = contexts[call.slot % FUZZ_SLOTS];
		const bool succeeds = record.kind == FUZZ_RESULT && !record.result;
		if (record.step >= step)
			break;
		if (record.kind == FUZZ_MESSAGE && record.result == UFFD_EVENT_FORK &&
		    record.words[0] < FUZZ_SLOTS)
			contexts[record.words[0]] = record.call;
		else if (call.code == FUZZ_open && succeeds)
			slot = record.call;
		else if (call.code == FUZZ_dup && succeeds)
			contexts[call.arguments[0] % FUZZ_SLOTS] = slot;
		else if ((call.code == FUZZ_close || call.code == FUZZ_other) && succeeds)
			slot = -1;
	}
	return contexts;
}

} // namespace

int context_of(const Difference &difference, unsigned index)
{
	const auto slot = difference.program.calls[index].slot % FUZZ_SLOTS;

	return contexts_before(difference, index)[slot];
}

bool has_held(const Difference &difference, int opening, const Ranges &ranges)
{
	if (opening < 0)
		return false;
	/* A child's context is made by the call that reads the fork's event. */
	if (const auto parent = context_of(difference, static_cast<unsigned>(opening));
	    difference.program.calls[opening].code == FUZZ_read && parent != opening &&
	    has_held(difference, parent, ranges))
		return true;
	return std::ranges::any_of(difference.module.records, [&](const fuzz_record &record) {
		const auto &call = difference.program.calls[record.call];
		return call.code == FUZZ_register && record.kind == FUZZ_RESULT &&
		       (!record.result || record.result == -EFAULT) &&
		       record.step <= difference.step() &&
		       context_of(difference, record.call) == opening &&
		       overlap(followed(changed_by(call), difference), ranges);
	});
}

bool has_other_context(const Difference &difference, unsigned index)
{
	const auto own = context_of(difference, index);
	const auto where = changed_by(difference.program.calls[index]);

	return std::ranges::any_of(difference.module.records, [&](const fuzz_record &record) {
		const auto &earlier = difference.program.calls[record.call];
		return record.step < difference.step() && record.kind == FUZZ_RESULT &&
		       !record.result && earlier.code == FUZZ_register &&
		       context_of(difference, record.call) != own &&
		       overlap(followed(changed_by(earlier), difference), where);
	});
}

} // namespace fuzz
