// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives every wrong call of every ioctl, field by field, to the module and to native userfaultfd in
 * the same boot: errno, struct and memory must be the same afterwards. Each difference has to have
 * a reason that is written in reasons.cpp.
 */
#include "errno/reasons.hpp"
#include "errno/record.hpp"
#include "errno/rows.hpp"
#include "harness/harness.hpp"
#include "lib/huge_pages.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <string_view>

using namespace selftests;

namespace {

bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

void print_words(const char *who, const Outcome &outcome)
{
	std::cout << "    " << who << ": error " << outcome.error << std::hex;
	for (const auto field : outcome.fields)
		std::cout << ' ' << field;
	std::cout << std::dec << '\n';
}

/* The lines of @state that @other does not have. */
void print_own_lines(const char *who, const std::string &state, const std::string &other)
{
	std::istringstream lines(state);

	for (std::string line; std::getline(lines, line);)
		if (!contains(other, line + '\n'))
			std::cout << "    " << who << ": " << line << '\n';
}

void print_difference(const Row &module, const Row &native)
{
	std::cout << module.command << ' ' << module.call << ":\n";
	print_words("module", module.outcome);
	print_words("native", native.outcome);
	if (module.outcome.state.empty() || native.outcome.state.empty())
		return;
	print_own_lines("module", module.outcome.state, native.outcome.state);
	print_own_lines("native", native.outcome.state, module.outcome.state);
}

/* Prints which of the lines are not among the others, and returns how many. */
unsigned missing_from(const Lines &others, const Lines &lines, const char *what)
{
	Lines missing;

	std::ranges::set_difference(lines, others, std::inserter(missing, missing.end()));
	for (const auto &line : missing)
		std::cout << what << ": " << line << '\n';
	return missing.size();
}

unsigned compare_with_record(const std::vector<Row> &module, std::string_view table)
{
	const auto lines = lines_of(module);

	if (is_recording()) {
		record(table, lines);
		return 0;
	}
	const auto in_record = recorded(table);
	return missing_from(in_record, lines, "answered, not in the record") +
	       missing_from(lines, in_record, "in the record, not answered");
}

unsigned compare_with_native(const std::vector<Row> &module, const std::vector<Row> &native)
{
	std::map<const char *, unsigned> with_reason;
	unsigned without = 0;

	if (module.size() != native.size())
		give_up("the tables are not of the same length");
	for (std::size_t i = 0; i < module.size(); i++) {
		if (module[i].outcome == native[i].outcome)
			continue;
		if (const auto *reason = reason_for(module[i], native[i])) {
			with_reason[reason->text]++;
			continue;
		}
		without++;
		print_difference(module[i], native[i]);
	}
	for (const auto &[reason, count] : with_reason)
		std::cout << count << " answers differ, because " << reason << '\n';
	return without;
}

/*
 * Gives the calls of a table to both backends. Prints where their answers differ, and where the
 * module's answers differ from the record; returns how many of the differences have no reason.
 */
template <class RowsOf> unsigned compare(std::string_view table, RowsOf &&rows_of)
{
	const auto module = rows_of(Backend::module), native = rows_of(Backend::native);

	std::cout << module.size() << " calls\n";
	return compare_with_record(module, table) + compare_with_native(module, native);
}

/* The same for the calls on each memory, by contexts with features that older kernels may lack. */
unsigned compare_features(std::string_view name, userfault::Features features)
{
	const auto module = rows_with_features(Backend::module, features);
	const auto native = rows_with_features(Backend::native, features);

	std::cout << module.size() << " calls\n";
	if (native.empty() && kernel() < 6012)
		return compare_with_record(module, name);
	return compare_with_record(module, name) + compare_with_native(module, native);
}

} // namespace

TEST_CASE("wrong ranges are answered as by native userfaultfd", "[errno][module][slow]")
{
	const HugePages huge_pages(8);

	CHECK(compare("ranges", rows_of_ranges) == 0);
}

TEST_CASE("ranges with holes are answered as by native userfaultfd", "[errno][module][slow]")
{
	const HugePages huge_pages(8);

	CHECK(compare("holes", rows_of_holes) == 0);
}

TEST_CASE("wrong copies are answered as by native userfaultfd", "[errno][module][slow]")
{
	const HugePages huge_pages(8);

	CHECK(compare("copies", rows_of_copies) == 0);
}

TEST_CASE("wrong modes are answered as by native userfaultfd", "[errno][module]")
{
	const HugePages huge_pages(8);

	CHECK(compare("modes", rows_of_modes) == 0);
}

TEST_CASE("each mode and command is answered on each memory as by native userfaultfd",
	  "[errno][module][slow]")
{
	const HugePages huge_pages(8);

	CHECK(compare_features("memory", userfault::Features::None) == 0);
}

TEST_CASE("with WP_UNPOPULATED, protection is answered on each memory as by native userfaultfd",
	  "[errno][module][slow]")
{
	const HugePages huge_pages(8);

	CHECK(compare_features("WP_UNPOPULATED", userfault::Features::WpUnpopulated) == 0);
}

TEST_CASE("with WP_ASYNC, protection is answered on each memory as by native userfaultfd",
	  "[errno][module][slow]")
{
	const HugePages huge_pages(8);

	CHECK(compare_features("WP_ASYNC", userfault::Features::WpAsync) == 0);
}

TEST_CASE("with RWP, protection is answered on each memory as by native userfaultfd",
	  "[errno][module][slow]")
{
	const HugePages huge_pages(8);
	const auto features = userfault::Features::Rwp;
	const auto module = rows_with_features(Backend::module, features);

	if (module.empty())
		skip("this kernel has no read-write protection");
	CHECK(compare_with_native(module, rows_with_features(Backend::native, features)) == 0);
}

TEST_CASE("structs that can't be read or written are answered as by native userfaultfd",
	  "[errno][module]")
{
	CHECK(compare("structs", rows_of_structs) == 0);
}

TEST_CASE("wrong commands are answered as by native userfaultfd", "[errno][module]")
{
	CHECK(compare("commands", rows_of_commands) == 0);
}

TEST_CASE("wrong handshakes are answered as by native userfaultfd", "[errno][module]")
{
	CHECK(compare("handshakes", rows_of_handshakes) == 0);
}

TEST_CASE("calls on droppable memory are answered as by native userfaultfd", "[errno][module]")
{
	if (rows_of_the_droppable(Backend::module).empty())
		skip("this kernel has no MAP_DROPPABLE");
	CHECK(compare("droppable", rows_of_the_droppable) == 0);
}

TEST_CASE("calls after the process is gone are answered as by native userfaultfd",
	  "[errno][module]")
{
	CHECK(compare("after exit", rows_of_the_dead) == 0);
}

TEST_CASE("calls while mappings change are answered as by native userfaultfd", "[errno][module]")
{
	CHECK(compare("while mappings change", rows_of_the_changing) == 0);
}

TEST_CASE("wrong calls of the device are answered as by native userfaultfd", "[errno][module]")
{
	CHECK(compare("device", rows_of_the_device) == 0);
}
