// SPDX-License-Identifier: GPL-2.0-only
#include "messages.hpp"

#include "contexts.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <linux/userfault.h>

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

bool is_about_messages_of(const Difference &difference, int opening)
{
	return std::ranges::any_of(
		std::initializer_list{difference.of_module(), difference.of_native()},
		[&](const fuzz_record *record) {
			return is_of(difference, record, {FUZZ_read, FUZZ_poll, FUZZ_info}) &&
			       context_of(difference, record->call) == opening;
		});
}

bool is_about_messages(const Difference &difference, const Ranges &ranges)
{
	for (const auto *record : {difference.of_module(), difference.of_native()})
		if (is_of(difference, record, {FUZZ_poll}) ||
		    (is_of(difference, record, {FUZZ_read}) &&
		     difference.program.calls[record->call].place))
			return !ranges.empty();
	const auto module = messages_at(difference.module, difference.at),
		   native = messages_at(difference.native, difference.at);
	return tell_more(module, native, ranges) || tell_more(native, module, ranges);
}

} // namespace fuzz
