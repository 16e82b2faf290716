// SPDX-License-Identifier: GPL-2.0-only
#include "lib/maps.hpp"

#include "harness/harness.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>
#include <userfault/fd.hpp>
#include <vector>

namespace selftests {

using namespace userfault;

namespace {

/* A mapping, and the lines that a process's smaps has for it. The errno tables read thousands. */
struct Entry {
	Range where;
	std::string lines;
};

/* What memory is registered for. */
constexpr auto registered_flags = {"um", "uw", "ui", "ur"};

bool begins_entry(const std::string &line, Range &where)
{
	Address start, end;

	/* The lines that follow begin with a name. */
	if (line.empty() || (line[0] >= 'A' && line[0] <= 'Z') ||
	    std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) != 2)
		return false;
	where = {start, end - start};
	return true;
}

bool overlap(Range a, Range b)
{
	return a.start < b.end() && b.start < a.end();
}

std::string file_of(pid_t process, const char *name)
{
	return "/proc/" + std::to_string(process) + '/' + name;
}

std::vector<Entry> entries_in(Range range, pid_t process = ::getpid())
{
	std::ifstream file(file_of(process, "smaps"));
	std::vector<Entry> entries;
	bool inside = false;
	Range where;

	for (std::string line; std::getline(file, line);) {
		if (begins_entry(line, where)) {
			if (where.start >= range.end())
				break;
			inside = overlap(where, range);
			if (inside)
				entries.emplace_back(where);
		}
		if (inside)
			entries.back().lines.append(line).push_back('\n');
	}
	return entries;
}

Fd open_to_read(const std::string &path)
{
	return Fd(static_cast<int>(checked(::open(path.c_str(), O_RDONLY | O_CLOEXEC))));
}

/* @count numbers of the file, from the number at @index on; zeroes after its end. */
std::vector<std::uint64_t> numbers_at(const Fd &file, std::uint64_t index, std::size_t count)
{
	std::vector<std::uint64_t> numbers(count);

	checked(::pread(file.get(), numbers.data(), count * sizeof(numbers[0]),
			static_cast<off_t>(index * sizeof(numbers[0]))));
	return numbers;
}

std::vector<std::uint64_t> numbers_at(const std::string &path, std::uint64_t index,
				      std::size_t count)
{
	return numbers_at(open_to_read(path), index, count);
}

/* The flags are on the last line, with a space after each. */
bool has_flag(const Entry &entry, const std::string &flag)
{
	return entry.lines.find(' ' + flag + ' ', entry.lines.rfind("\nVmFlags:")) !=
	       std::string::npos;
}

/* What the mapping is registered for, with @separator before each. */
std::string registered(const Entry &entry, const std::string &separator)
{
	std::string flags;

	for (const auto *flag : registered_flags)
		if (has_flag(entry, flag))
			flags += separator + flag;
	return flags;
}

/* For each of the first pages: 1 if it is there, 0 if not; and a p after it if it is protected. */
std::string presence(const Fd &pagemap, Range range)
{
	const std::size_t most = 64;
	std::string bits;

	for (const auto entry : numbers_at(pagemap, range.start / page_size(),
					   std::min(most, range.length / page_size()))) {
		bits += entry & pagemap_present ? '1' : '0';
		if (entry & pagemap_write_protected)
			bits += 'p';
	}
	return bits;
}

} // namespace

std::size_t count_mappings(Range range)
{
	return entries_in(range).size();
}

std::size_t smaps_bytes(Range range, const std::string &field)
{
	const auto name = '\n' + field + ':';
	std::size_t kib = 0;

	for (const auto &entry : entries_in(range))
		if (const auto at = entry.lines.find(name); at != std::string::npos)
			kib += std::stoul(entry.lines.substr(at + name.size()));
	return kib << 10;
}

bool smaps_flag(Range range, const std::string &flag)
{
	const auto entries = entries_in(range);

	return !entries.empty() &&
	       std::all_of(entries.begin(), entries.end(),
			   [&](const Entry &entry) { return has_flag(entry, flag); });
}

std::vector<std::string> describe_mappings(Range range)
{
	const auto pagemap = open_to_read("/proc/self/pagemap");
	std::vector<std::string> descriptions;

	for (const auto &entry : entries_in(range))
		descriptions.push_back(entry.lines.substr(0, entry.lines.find(' ')) +
				       registered(entry, " ") + ' ' +
				       presence(pagemap, entry.where));
	return descriptions;
}

std::vector<std::string> registered_for(Range range, pid_t process)
{
	std::vector<std::string> pages(range.length / page_size(), "hole");

	for (const auto &entry : entries_in(range, process)) {
		const auto flags = registered(entry, "");
		for (std::size_t i = 0; i < pages.size(); i++)
			if (overlap(entry.where, {range.start + i * page_size(), page_size()}))
				pages[i] = flags.empty() ? "none" : flags;
	}
	return pages;
}

std::uint64_t pagemap_entry(Address address)
{
	return numbers_at("/proc/self/pagemap", address / page_size(), 1).front();
}

std::size_t status_bytes(const std::string &field, pid_t process)
{
	std::ifstream file(file_of(process, "status"));
	std::size_t kib;

	for (std::string word; file >> word;)
		if (word == field + ':' && file >> kib)
			return kib << 10;
	return 0;
}

bool is_protected_at(Address address)
{
	return pagemap_entry(address) & pagemap_write_protected;
}

std::vector<std::uint64_t> pagemap_entries(const Memory &memory, pid_t process)
{
	return numbers_at(file_of(process, "pagemap"), memory.address(0) / page_size(),
			  memory.pages());
}

std::uint64_t page_flags(Address address)
{
	return numbers_at("/proc/kpageflags", pagemap_entry(address) & pagemap_frame, 1).front();
}

std::uint64_t frame_of(const Memory &memory, std::size_t index)
{
	return pagemap_entry(memory.address(index)) & pagemap_frame;
}

bool is_there(const Memory &memory, std::size_t index)
{
	return pagemap_entry(memory.address(index)) & pagemap_present;
}

namespace {

constexpr auto mapping_limit = "/proc/sys/vm/max_map_count";

} // namespace

NoMoreMappings::NoMoreMappings(std::size_t but)
{
	std::ifstream maps("/proc/self/maps");
	std::size_t count = 0;

	std::ifstream(mapping_limit) >> before_;
	for (std::string line; std::getline(maps, line);)
		count += line.find("[vsyscall]") == line.npos;
	std::ofstream(mapping_limit) << count + but;
}

NoMoreMappings::~NoMoreMappings()
{
	std::ofstream(mapping_limit) << before_;
}

} // namespace selftests
