// SPDX-License-Identifier: GPL-2.0-only
#include "errno/reasons.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <linux/userfault.h>
#include <sstream>
#include <sys/utsname.h>

namespace selftests {

unsigned kernel()
{
	utsname name{};
	char *rest;

	::uname(&name);
	const auto major = std::strtoul(name.release, &rest, 10);
	return static_cast<unsigned>(major * 1000 + std::strtoul(rest + 1, nullptr, 10));
}

namespace {

bool contains(const std::string &text, const std::string &part)
{
	return text.find(part) != text.npos;
}

/* The features that native userfaultfd of older kernels doesn't have. */
constexpr std::uint64_t newer_features = UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC |
					 UFFD_FEATURE_POISON | UFFD_FEATURE_MOVE;

/*
 * Where user memory ends: the kernel names la57 where it uses five levels of page tables. A 32-bit
 * program has two pages less than it can address (IA32_PAGE_OFFSET).
 */
std::uint64_t end_of_user_memory(bool of_32_bits)
{
	if (of_32_bits)
		return (1ull << 32) - 2 * 4096;
	std::ifstream file("/proc/cpuinfo");
	const std::string text{std::istreambuf_iterator(file), {}};
	return (contains(text, " la57") ? 1ull << 56 : 1ull << 47) - 4096;
}

bool is_beyond_user_memory(const Row &row, std::uint64_t start, std::uint64_t length)
{
	const auto end = end_of_user_memory(row.by_32_bits);

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

/* Natively, whatever is wrong with the destination comes first. */
bool checks_source_first(const Row &module, const Row &native)
{
	return kernel() < 6012 && module.command == "COPY" && last_field_differs(module, native) &&
	       module.outcome.error == EINVAL && native.outcome.error && module.given.size() == 5 &&
	       is_beyond_user_memory(module, module.given[1], module.given[2]);
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

/* The module's result is there, or its place is one that can't be written. */
bool leaves_the_result_alone(const Row &module, const Row &native)
{
	if (kernel() >= 7002 || !contains(module.call, "while mappings change") ||
	    native.outcome.error != EAGAIN)
		return false;
	if (module.outcome.error == EFAULT)
		return contains(module.call, "struct");
	return module.outcome.error == EAGAIN && last_field_differs(module, native) &&
	       module.outcome.fields.back() == static_cast<std::uint64_t>(-EAGAIN) &&
	       native.outcome.fields == native.given;
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

const Reason reasons[] = {
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

} // namespace

const Reason *reason_for(const Row &module, const Row &native)
{
	for (const auto &reason : reasons)
		if (reason.covers(module, native))
			return &reason;
	return nullptr;
}

} // namespace selftests
