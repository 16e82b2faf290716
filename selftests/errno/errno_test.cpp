// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives every wrong call of every ioctl, field by field, to the module and to native userfaultfd in
 * the same boot: errno, struct and memory must be the same afterwards. Each difference has to have
 * a reason that is written here.
 */
#include "errno/record.hpp"
#include "errno/rows.hpp"
#include "harness/harness.hpp"
#include "lib/huge_pages.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <linux/userfault.h>
#include <map>
#include <sstream>
#include <string_view>
#include <sys/utsname.h>

using namespace selftests;

namespace {

bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

/* The features that native userfaultfd of older kernels doesn't have. */
constexpr std::uint64_t newer_features = UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC |
					 UFFD_FEATURE_POISON | UFFD_FEATURE_MOVE;

/* The kernel that is running: 6012 for 6.12. */
unsigned kernel()
{
	utsname name;
	char *rest;

	checked(::uname(&name));
	const auto major = std::strtoul(name.release, &rest, 10);
	return static_cast<unsigned>(major * 1000 + std::strtoul(rest + 1, nullptr, 10));
}

/* Where user memory ends: the kernel names la57 where it uses five levels of page tables. */
std::uint64_t end_of_user_memory()
{
	std::ifstream file("/proc/cpuinfo");
	const std::string text{std::istreambuf_iterator(file), {}};

	return (contains(text, " la57") ? 1ull << 56 : 1ull << 47) - 4096;
}

bool is_beyond_user_memory(std::uint64_t start, std::uint64_t length)
{
	const auto end = end_of_user_memory();

	return start >= end || length > end - start;
}

bool is_anything_mapped_from(std::uint64_t start)
{
	std::ifstream file("/proc/self/maps");

	for (std::string line; std::getline(file, line);)
		if (!contains(line, "[vsyscall]") &&
		    std::stoull(line.substr(line.find('-') + 1), nullptr, 16) > start)
			return true;
	return false;
}

bool both_succeed(const Row &module, const Row &native)
{
	return !module.outcome.error && !native.outcome.error;
}

/* The module answers EINVAL, native userfaultfd @error. */
bool refused(const Row &module, const Row &native, int error)
{
	return module.outcome.error == EINVAL && native.outcome.error == error;
}

/* Whether the structs differ in nothing but their last field. */
bool last_field_differs(const Row &module, const Row &native)
{
	const auto &a = module.outcome.fields, &b = native.outcome.fields;

	return !a.empty() && a.size() == b.size() && std::equal(a.begin(), a.end() - 1, b.begin());
}

/* Such a command also changes memory, on the module alone: so "what is left" differs. */
bool has_newer_command(const Row &module, const Row &native)
{
	return kernel() < 6012 && (module.command == "POISON" || module.command == "MOVE") &&
	       (native.outcome.error == EINVAL || contains(native.call, "what is left"));
}

/* Natively such memory may still be refused for another reason: then nothing differs. */
bool keeps_what_is_of_others(const Row &module, const Row &native)
{
	return kernel() < 6017 && module.command == "UNREGISTER" && module.other_context &&
	       refused(module, native, 0);
}

bool takes_droppable_memory(const Row &module, const Row &native)
{
	return kernel() < 7002 && contains(module.call, "droppable") && refused(module, native, 0);
}

bool finds_nothing_mapped(const Row &module, const Row &native)
{
	return kernel() < 6012 &&
	       (module.command == "REGISTER" || module.command == "UNREGISTER") &&
	       refused(module, native, ENOMEM) &&
	       module.outcome == Outcome{EINVAL, module.given, ""} &&
	       !is_anything_mapped_from(module.given.at(0));
}

/* @state, but with adjacent mappings that are registered alike joined into one. */
std::string joined(const std::string &state)
{
	std::string text, end, flags;
	std::istringstream lines(state);

	for (std::string line; std::getline(lines, line);) {
		const auto dash = line.find('-'), space = line.find(' ', dash),
			   last = line.rfind(' ');
		const auto its_flags = line.substr(space, last - space);

		if (line.substr(0, dash) == end && its_flags == flags)
			text += line.substr(last + 1);
		else
			text += '\n' + line.substr(0, dash) + its_flags + ' ' +
				line.substr(last + 1);
		end = line.substr(dash + 1, space - dash - 1);
		flags = its_flags;
	}
	return text + '\n' + end;
}

bool leaves_mappings_apart(const Row &module, const Row &native)
{
	return kernel() < 6012 &&
	       (module.command == "REGISTER" || module.command == "UNREGISTER") &&
	       both_succeed(module, native) && module.outcome.fields == native.outcome.fields &&
	       joined(module.outcome.state) == joined(native.outcome.state);
}

bool checks_source_first(const Row &module, const Row &native)
{
	return kernel() < 6012 && module.command == "COPY" && last_field_differs(module, native) &&
	       (refused(module, native, ENOENT) || refused(module, native, EFAULT)) &&
	       module.given.size() == 5 && is_beyond_user_memory(module.given[1], module.given[2]);
}

bool protects_one_mapping(const Row &module, const Row &native)
{
	return kernel() < 6012 && module.command == "WRITEPROTECT" &&
	       (!module.outcome.error || module.outcome.error == EINVAL) &&
	       native.outcome.error == ENOENT;
}

bool protects_up_to_what_is_wrong(const Row &module, const Row &native)
{
	return kernel() >= 6004 && module.command == "WRITEPROTECT" &&
	       module.outcome.error == ENOENT && native.outcome.error == ENOENT &&
	       !module.changed && native.changed;
}

bool knows_no_protected_continue(const Row &module, const Row &native)
{
	return kernel() < 6012 && module.command == "CONTINUE" && module.newer &&
	       native.outcome == Outcome{EINVAL, native.given, ""};
}

bool continues_behind_the_end(const Row &module, const Row &native)
{
	return kernel() < 7002 && module.command == "CONTINUE" &&
	       contains(module.call, "no page of shmem") && module.outcome.error == EFAULT &&
	       native.outcome.error == EINVAL;
}

bool takes_the_end_for_lack_of_memory(const Row &module, const Row &native)
{
	return kernel() >= 7002 && (module.command == "COPY" || module.command == "ZEROPAGE") &&
	       contains(module.call, "no page of shmem") && module.outcome.error == EFAULT &&
	       native.outcome.error == ENOMEM;
}

bool leaves_the_result_alone(const Row &module, const Row &native)
{
	return kernel() < 7002 && contains(module.call, "while mappings change") &&
	       native.outcome.error == EAGAIN &&
	       (module.outcome.error == EAGAIN || module.outcome.error == EFAULT);
}

bool has_newer_features(const Row &module, const Row &native)
{
	return kernel() < 6012 && module.command == "API" && !module.outcome.error &&
	       native.outcome.error == EINVAL && module.given.size() == 3 &&
	       module.given[1] & newer_features;
}

bool tells_of_newer_features(const Row &module, const Row &native)
{
	auto fields = native.outcome.fields;

	if (kernel() >= 6012 || module.command != "API" || !both_succeed(module, native) ||
	    fields.size() != 3)
		return false;
	fields[1] |= newer_features;
	return module.outcome.fields == fields;
}

/* Why the module may answer something else than native userfaultfd of the running kernel. */
const struct Reason {
	bool (*covers)(const Row &module, const Row &native);
	const char *text;
} reasons[] = {
	{has_newer_command, "older kernels have no such command"},
	{keeps_what_is_of_others, "newer kernels do not unregister what another context holds"},
	{takes_droppable_memory, "a mask hides MAP_DROPPABLE from the check of some kernels"},
	{finds_nothing_mapped,
	 "older kernels answer ENOMEM where nothing is mapped from the start of the range on"},
	{leaves_mappings_apart,
	 "older kernels do not merge two mappings when a range begins in a hole before them"},
	{checks_source_first,
	 "newer kernels check first that the source lies where user memory can be"},
	{protects_one_mapping,
	 "older kernels do not protect a range of several mappings and holes"},
	{protects_up_to_what_is_wrong,
	 "newer kernels protect the mappings before the one that is refused"},
	{knows_no_protected_continue,
	 "older kernels do not know the write-protect mode of CONTINUE and answer at once"},
	{continues_behind_the_end,
	 "older kernels answer EINVAL where the file ends before the page"},
	{takes_the_end_for_lack_of_memory,
	 "since Linux 7.2 the kernel answers ENOMEM where a shared file ends before the page"},
	{leaves_the_result_alone,
	 "older kernels do not write the result of a call that comes while mappings change"},
	{has_newer_features, "the module has features of newer kernels"},
	{tells_of_newer_features,
	 "API answers which features there are, and older kernels have fewer"},
};

const Reason *reason_for(const Row &module, const Row &native)
{
	for (const auto &reason : reasons)
		if (reason.covers(module, native))
			return &reason;
	return nullptr;
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
