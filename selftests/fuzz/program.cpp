// SPDX-License-Identifier: GPL-2.0-only
#include "program.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <linux/userfault.h>
#include <sstream>
#include <sys/ioctl.h>

namespace fuzz {

namespace {

using enum Kind;

constexpr std::string_view side_by_side = "side by side";

const CallType types[] = {
#define CALL(name, ...)			     {#name, false, false, {__VA_ARGS__}},
#define COMMAND(name, request, answers, ...) {#name, true, answers != 0, {__VA_ARGS__}, request},
#include "calls.def"
};

/* Much faster than a stream: each program becomes text before it runs. */
std::string digits(std::uint64_t number, int base = 10)
{
	char text[24];

	return {text, std::to_chars(text, std::end(text), number, base).ptr};
}

std::string to_text(std::uint64_t number)
{
	const auto offset = number - FUZZ_ARENA;

	if (offset > FUZZ_ARENA_END - FUZZ_ARENA)
		return number > 9 ? "0x" + digits(number, 16) : digits(number);
	const auto page = 'p' + digits(offset / FUZZ_PAGE);
	return offset % FUZZ_PAGE ? page + '+' + digits(offset % FUZZ_PAGE) : page;
}

bool read_digits(std::string_view text, std::uint64_t &number)
{
	const bool hex = text.starts_with("0x");

	text.remove_prefix(hex ? 2 : 0);
	const auto result =
		std::from_chars(text.data(), text.data() + text.size(), number, hex ? 16 : 10);
	return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

bool read_number(std::string_view text, std::uint64_t &number)
{
	std::uint64_t page, rest = 0;

	if (!text.starts_with('p'))
		return read_digits(text, number);
	const auto plus = text.find('+');
	if (!read_digits(text.substr(1, plus - 1), page) ||
	    (plus != text.npos && !read_digits(text.substr(plus + 1), rest)))
		return false;
	number = FUZZ_ARENA + page * FUZZ_PAGE + rest;
	return true;
}

bool read_slot(std::string_view text, fuzz_call &call)
{
	std::uint64_t slot, place = 0;
	const auto at = text.find('@');

	if (!read_digits(text.substr(0, at), slot) ||
	    (at != text.npos && !read_digits(text.substr(at + 1), place)))
		return false;
	call.slot = static_cast<std::uint8_t>(slot);
	call.place = static_cast<std::uint8_t>(place);
	return true;
}

bool read_call(const std::string &line, fuzz_call &call)
{
	std::istringstream stream(line);
	std::string thread, name, slot, argument;
	std::uint64_t number;

	if (!(stream >> thread >> name >> slot) || !read_digits(thread, number) ||
	    !read_slot(slot, call))
		return false;
	call.thread = static_cast<std::uint8_t>(number);
	const auto *type = std::ranges::find(types, name, &CallType::name);
	if (type == std::end(types))
		return false;
	call.code = static_cast<std::uint8_t>(type - types);
	for (unsigned i = 0; i < arguments_of(*type); i++)
		if (!(stream >> argument) || !read_number(argument, call.arguments[i]))
			return false;
	return !(stream >> argument);
}

} // namespace

const CallType &type_of(const fuzz_call &call)
{
	return types[call.code];
}

unsigned arguments_of(const CallType &type)
{
	return static_cast<unsigned>(std::ranges::find(type.kinds, NONE) - type.kinds);
}

bool maps(const fuzz_program &program, std::initializer_list<std::uint64_t> kinds)
{
	return std::any_of(program.calls, program.calls + program.count, [&](const auto &call) {
		return call.code == FUZZ_mmap &&
		       std::ranges::count(kinds, call.arguments[2] % FUZZ_MEMORIES) > 0;
	});
}

bool protects(const fuzz_program &program)
{
	constexpr auto modes = UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_RWP;

	return std::any_of(program.calls, program.calls + program.count, [&](const auto &call) {
		return call.code == FUZZ_register && call.arguments[2] & modes;
	});
}

std::string to_text(const fuzz_call &call)
{
	auto text = digits(call.thread) + ' ' + type_of(call).name + ' ' + digits(call.slot);

	if (call.place)
		text += '@' + digits(call.place);
	for (unsigned i = 0; i < arguments_of(type_of(call)); i++)
		text += ' ' + to_text(call.arguments[i]);
	return text;
}

std::string to_text(const fuzz_program &program, char separator)
{
	std::string text;

	if (program.side_by_side)
		text = std::string(side_by_side) + separator;
	for (unsigned i = 0; i < program.count; i++)
		text += to_text(program.calls[i]) + separator;
	return text;
}

std::optional<fuzz_program> program_in(std::string_view text)
{
	fuzz_program program{};
	std::string all(text);

	std::ranges::replace(all, ';', '\n');
	std::istringstream lines(all);
	for (std::string line; std::getline(lines, line);) {
		line.resize(std::min(line.size(), line.find('#')));
		if (line.find_first_not_of(" \t") == line.npos)
			continue;
		if (line.starts_with(side_by_side)) {
			program.side_by_side = true;
			continue;
		}
		if (program.count == FUZZ_CALLS || !read_call(line, program.calls[program.count]))
			return std::nullopt;
		program.count++;
	}
	return program;
}

} // namespace fuzz
