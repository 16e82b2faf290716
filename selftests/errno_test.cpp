// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every wrong call of every ioctl, field by field, given to the module and to native userfaultfd in
 * the same boot: errno, struct and memory must be the same afterwards. Where they are not, there is
 * a reason, and it is written here.
 */
#include "errno_rows.hpp"
#include "harness.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

using namespace selftests;

namespace {

bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

/* Why the module may answer something else than native userfaultfd of the running kernel. */
struct Reason {
	bool (*covers)(const Row &module, const Row &native);
	const char *text;
};

constexpr std::uint64_t last(const Outcome &outcome)
{
	return outcome.fields.empty() ? 0 : outcome.fields.back();
}

/* Whether @part has no bit that @whole lacks. */
constexpr bool within(std::uint64_t part, std::uint64_t whole)
{
	return !(part & ~whole);
}

bool both_succeed(const Row &module, const Row &native)
{
	return !module.outcome.error && !native.outcome.error;
}

/* The module says no where native userfaultfd goes on and does it, or finds another fault. */
bool refused(const Row &module, const Row &native)
{
	return module.outcome.error == EINVAL && native.outcome.error != EINVAL;
}

/* On machines with the usual four levels of page tables, at least. */
constexpr bool beyond_user_memory(std::uint64_t start, std::uint64_t length)
{
	const std::uint64_t end = (1ull << 47) - 4096;

	return start >= end || length > end - start;
}

const Reason reasons[] = {
	{[](const Row &module, const Row &native) {
		 return module.command == "REGISTER" && both_succeed(module, native) &&
			module.outcome.state == native.outcome.state &&
			within(last(module.outcome), last(native.outcome));
	 },
	 "REGISTER tells of the commands that are there, and MOVE, POISON, CONTINUE and "
	 "WRITEPROTECT are still to come"},
	{[](const Row &module, const Row &native) {
		 return module.command == "REGISTER" && contains(module.call, "mode=") &&
			refused(module, native);
	 },
	 "write-protect and minor mode are still to come"},
	{[](const Row &module, const Row &native) {
		 return module.other_memory && refused(module, native);
	 },
	 "only private anonymous memory can be registered so far"},
	{[](const Row &module, const Row &native) {
		 return module.command == "UNREGISTER" && module.other_context &&
			refused(module, native);
	 },
	 "newer kernels do not unregister what another context holds"},
	{[](const Row &module, const Row &native) {
		 return contains(module.command, "REGISTER") && module.outcome.error == EINVAL &&
			native.outcome.error == ENOMEM;
	 },
	 "older kernels answer ENOMEM where nothing is mapped from the start of the range on"},
	{[](const Row &module, const Row &native) {
		 return module.command == "COPY" && refused(module, native) &&
			beyond_user_memory(module.outcome.fields[1], module.outcome.fields[2]);
	 },
	 "newer kernels check first that the source lies where user memory can be"},
	{[](const Row &module, const Row &native) {
		 return module.command == "API" && refused(module, native);
	 },
	 "the feature is still to come"},
	{[](const Row &module, const Row &native) {
		 return module.command == "API" && both_succeed(module, native) &&
			within(module.outcome.fields[1], native.outcome.fields[1]);
	 },
	 "API tells of the features that are there, and others are still to come"},
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

/* Gives the calls to both, lists where they differ, returns how many have no reason to. */
unsigned compare(std::vector<Row> (*rows_of)(Backend))
{
	const auto module = rows_of(Backend::module), native = rows_of(Backend::native);
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
	std::cout << module.size() << " calls\n";
	for (const auto &[reason, count] : with_reason)
		std::cout << count << " answers differ: " << reason << '\n';
	return without;
}

/* Huge pages for the stage, as long as this lives. */
struct HugePages {
	HugePages() { set(4); }
	~HugePages() { set(0); }

	void set(unsigned count) { std::ofstream("/proc/sys/vm/nr_hugepages") << count; }
};

} // namespace

TEST_CASE("wrong ranges are answered as native userfaultfd does", "[errno][module][slow]")
{
	const HugePages huge_pages;

	CHECK(compare(rows_of_ranges) == 0);
}

TEST_CASE("wrong copies are answered as native userfaultfd does", "[errno][module][slow]")
{
	const HugePages huge_pages;

	CHECK(compare(rows_of_copies) == 0);
}

TEST_CASE("wrong modes are answered as native userfaultfd does", "[errno][module]")
{
	CHECK(compare(rows_of_modes) == 0);
}

TEST_CASE("structs that can't be read or written are answered as native userfaultfd does",
	  "[errno][module]")
{
	CHECK(compare(rows_of_structs) == 0);
}

TEST_CASE("wrong commands are answered as native userfaultfd does", "[errno][module]")
{
	CHECK(compare(rows_of_commands) == 0);
}

TEST_CASE("wrong handshakes are answered as native userfaultfd does", "[errno][module]")
{
	CHECK(compare(rows_of_handshakes) == 0);
}

TEST_CASE("calls after the process is gone are answered as native userfaultfd does",
	  "[errno][module]")
{
	CHECK(compare(rows_of_the_dead) == 0);
}

TEST_CASE("wrong calls of the device are answered as native userfaultfd does", "[errno][module]")
{
	CHECK(compare(rows_of_the_device) == 0);
}
