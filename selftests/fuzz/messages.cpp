// SPDX-License-Identifier: GPL-2.0-only
#include "messages.hpp"

#include "contexts.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <linux/userfault.h>
#include <poll.h>

namespace fuzz {

namespace {

/* Where the fault was, or what the event tells of. */
Ranges told_by(const fuzz_record &message)
{
	const auto *words = message.words;

	switch (message.result) {
	case UFFD_EVENT_PAGEFAULT:
		return {pages_of(words[1], 1)};
	case UFFD_EVENT_REMAP:
		return {pages_of(words[0], words[2]), pages_of(words[1], words[2])};
	case UFFD_EVENT_REMOVE:
	case UFFD_EVENT_UNMAP:
		return {pages_of(words[0], words[1] - words[0])};
	default:
		return {};
	}
}

/* What the call of the record at @at has read. */
std::vector<fuzz_record> messages_at(const Transcript &transcript, std::size_t at)
{
	std::vector<fuzz_record> messages;

	if (at < transcript.records.size())
		std::ranges::copy_if(transcript.records, std::back_inserter(messages),
				     [&](const fuzz_record &record) {
					     const auto &call = transcript.records[at];
					     return record.kind == FUZZ_MESSAGE &&
						    record.call == call.call &&
						    record.step == call.step;
				     });
	return messages;
}

/* Whether one of @messages that @others don't have is about memory in @ranges. */
bool tell_more(const std::vector<fuzz_record> &messages, const std::vector<fuzz_record> &others,
	       const Ranges &ranges)
{
	return std::ranges::any_of(messages, [&](const fuzz_record &message) {
		return std::ranges::none_of(others,
					    [&](const fuzz_record &other) {
						    return !std::memcmp(&message, &other,
									sizeof(message));
					    }) &&
		       overlap(told_by(message), ranges);
	});
}

bool is_of(const Difference &difference, const fuzz_record *record,
	   std::initializer_list<unsigned> codes)
{
	return record &&
	       std::ranges::find(codes, difference.program.calls[record->call].code) != codes.end();
}

/* What shows that there are messages, but not which: a poll, or a read to another place. */
const fuzz_record *call_without_messages(const Difference &difference)
{
	for (const auto *record : {difference.of_module(), difference.of_native()})
		if (is_of(difference, record, {FUZZ_poll}) ||
		    (is_of(difference, record, {FUZZ_read}) &&
		     difference.program.calls[record->call].place))
			return record;
	return nullptr;
}

/* Of such a call: a poll may differ in nothing but whether there is something to be read. */
bool is_about_what_is_there(const Difference &difference)
{
	const auto *module = difference.of_module(), *native = difference.of_native();

	if (!is_of(difference, module, {FUZZ_poll}) && !is_of(difference, native, {FUZZ_poll}))
		return true;
	return module && native && module->call == native->call &&
	       (module->words[0] ^ native->words[0]) == POLLIN;
}

/* Whether fdinfo counts more faults in one that nobody was told of, and otherwise the same. */
bool counts_more_untold(const fuzz_record *one, const fuzz_record *other)
{
	return one && other && one->call == other->call && one->result == other->result &&
	       one->words[0] > other->words[0] && one->words[1] == other->words[1] &&
	       one->words[2] == other->words[2];
}

/* Whether such a call finds more than another, which may be missing. */
bool finds_more(const fuzz_record *one, const fuzz_record *other)
{
	const auto found = [](const fuzz_record *record) {
		if (!record || record->kind != FUZZ_RESULT || record->result == -EAGAIN)
			return 0;
		/* What is there can't be written */
		return record->result < 0 ? 1 : record->result;
	};

	return found(one) > found(other);
}

} // namespace

bool has_unmapping_too(const Difference &difference)
{
	const auto module = messages_at(difference.module, difference.at),
		   native = messages_at(difference.native, difference.at);

	return module.size() > native.size() &&
	       std::all_of(module.begin() + std::ptrdiff_t(native.size()), module.end(),
			   [](const fuzz_record &message) {
				   return message.result == UFFD_EVENT_UNMAP;
			   });
}

bool has_no_more_to_read_natively(const Difference &difference, int opening)
{
	const auto *module = difference.of_module(), *native = difference.of_native();
	const auto reads = [&](const fuzz_record *record) {
		return is_of(difference, record, {FUZZ_read, FUZZ_poll, FUZZ_info}) &&
		       context_of(difference, record->call) == opening;
	};

	if (!reads(module) && !reads(native))
		return false;
	if (is_of(difference, module, {FUZZ_poll}) || is_of(difference, native, {FUZZ_poll}))
		return is_about_what_is_there(difference) && finds_more(module, native);
	if (is_of(difference, module, {FUZZ_info}) || is_of(difference, native, {FUZZ_info}))
		return counts_more_untold(module, native);
	return !(reads(native) && finds_more(native, module)) &&
	       messages_at(difference.native, difference.at).size() <=
		       messages_at(difference.module, difference.at).size();
}

bool is_about_messages(const Difference &difference, const Ranges &ranges)
{
	if (const auto *untold = call_without_messages(difference))
		return is_about_what_is_there(difference) &&
		       has_held(difference, context_of(difference, untold->call), ranges);
	const auto module = messages_at(difference.module, difference.at),
		   native = messages_at(difference.native, difference.at);
	return tell_more(module, native, ranges) || tell_more(native, module, ranges);
}

bool is_told_on_module_alone(const Difference &difference, const Ranges &ranges)
{
	if (call_without_messages(difference))
		return is_about_messages(difference, ranges) &&
		       finds_more(difference.of_module(), difference.of_native());
	return tell_more(messages_at(difference.module, difference.at),
			 messages_at(difference.native, difference.at), ranges);
}

} // namespace fuzz
