// SPDX-License-Identifier: GPL-2.0-only
#include "compare.hpp"

#include <algorithm>
#include <cstring>
#include <linux/userfault.h>
#include <sstream>

namespace fuzz {

namespace {

constexpr const char *kinds[] = {
	"returns", "reads", "waits", "is busy", "left out", "returns at the end", "is stuck"};

bool equal(const fuzz_record &a, const fuzz_record &b)
{
	return !std::memcmp(&a, &b, sizeof(a));
}

/* The lines of @text that @other doesn't have. */
std::string own_lines(const char *who, const std::string &text, const std::string &other)
{
	std::istringstream lines(text);
	std::string own;

	for (std::string line; std::getline(lines, line);)
		if (('\n' + other + '\n').find('\n' + line + '\n') == other.npos)
			own += std::string("  ") + who + ": " + line + '\n';
	return own;
}

} // namespace

Transcript::Transcript(const fuzz_transcript &raw, const fuzz_program &program,
		       std::uint64_t offered)
	: records(raw.records, raw.records + std::min<unsigned>(raw.count, FUZZ_RECORDS)),
	  state(raw.state), complete(raw.complete), by_32_bits(raw.by_32_bits), status(raw.status)
{
	for (auto &record : records)
		if (record.kind == FUZZ_RESULT && !record.result &&
		    program.calls[record.call].code == FUZZ_api)
			record.words[1] &= offered;
}

std::string to_text(const fuzz_record &record, const fuzz_program &program)
{
	std::ostringstream text;

	text << "at " << unsigned(record.step) << ": call " << unsigned(record.call) << " ("
	     << to_text(program.calls[record.call]) << ") " << kinds[record.kind];
	if (record.kind == FUZZ_RESULT || record.kind == FUZZ_MESSAGE ||
	    record.kind == FUZZ_RELEASED) {
		if (record.result & FUZZ_SIGNAL && record.result > 0)
			text << " signal " << (record.result >> 8 & 0xff) << " code "
			     << (record.result & 0xff);
		else
			text << ' ' << record.result;
		for (const auto word : record.words)
			text << ' ' << std::hex << word << std::dec;
	}
	return text.str();
}

unsigned Difference::step() const
{
	const auto *first = of_module(), *second = of_native();

	if (!first || (second && second->step < first->step))
		first = second;
	return first ? first->step : program.count;
}

const fuzz_call *Difference::call() const
{
	return step() < program.count ? &program.calls[step()] : nullptr;
}

std::string Difference::text() const
{
	std::string text;

	for (const auto *each : {&module, &native})
		if (!each->complete)
			text += std::string("  on ") + (each == &module ? "the module" : "native") +
				" the program did not come to its end: status " +
				std::to_string(each->status) + '\n';
	if (of_module())
		text += "  module: " + to_text(*of_module(), program) + '\n';
	if (of_native())
		text += "  native: " + to_text(*of_native(), program) + '\n';
	if (of_module() || of_native())
		return text;
	return text + own_lines("module", module.state, native.state) +
	       own_lines("native", native.state, module.state);
}

std::string Difference::signature() const
{
	std::string text = call() ? type_of(*call()).name : "state";

	for (const auto *record : {of_module(), of_native()})
		if (record)
			text += std::string(" ") + type_of(program.calls[record->call]).name + ' ' +
				kinds[record->kind] + ' ' +
				std::to_string(std::min(record->result, 1));
	return text;
}

std::optional<Difference> compare(const fuzz_program &program, const Transcript &module,
				  const Transcript &native)
{
	const auto different = std::ranges::mismatch(module.records, native.records, equal);
	const auto at = static_cast<std::size_t>(different.in1 - module.records.begin());

	if (different.in1 == module.records.end() && different.in2 == native.records.end() &&
	    module.complete && native.complete && module.state == native.state)
		return std::nullopt;
	return Difference{program, module, native, at};
}

} // namespace fuzz
