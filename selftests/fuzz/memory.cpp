// SPDX-License-Identifier: GPL-2.0-only
#include "memory.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <sstream>
#include <string>

namespace fuzz {

namespace {

Range range_of_mmap(const fuzz_call &call)
{
	const auto kind = call.arguments[2] % FUZZ_MEMORIES;
	const auto pages = call.arguments[1] % 1025;

	if (kind < FUZZ_THP)
		return pages_of(call.arguments[0], pages * FUZZ_PAGE);
	return pages_of(call.arguments[0] & -FUZZ_HUGE_PAGE,
			pages > 512 ? 2 * FUZZ_HUGE_PAGE : FUZZ_HUGE_PAGE);
}

Range destination_of_mremap(const fuzz_call &call)
{
	const bool moves = call.arguments[3] & 5;

	return pages_of(call.arguments[moves ? 4 : 0], call.arguments[2]);
}

/* What a state says about a page, and its sums over all pages. */
struct Page {
	std::string kind;  /* access and flags */
	std::string there; /* + or f, s for swapped, - */
	std::set<std::string> registration;
	bool is_protected = false;
	std::string content;

	bool operator==(const Page &) const = default;
};

struct Arena {
	std::map<unsigned, Page> pages;
	std::vector<unsigned long> sums;
	std::ptrdiff_t mappings = 0;
};

/* A page that is absent and protected looks swapped. */
bool may_be_marker(const Page &page)
{
	return page.there == "s" && page.is_protected;
}

/* Whether nothing but protection differs. */
bool alike(const Page &one, const Page &other)
{
	const auto is_marker_in_place_of = [](const Page &marker, const Page &absent) {
		return may_be_marker(marker) && absent.there == "-";
	};

	return one.kind == other.kind &&
	       (one.there == other.there || is_marker_in_place_of(one, other) ||
		is_marker_in_place_of(other, one));
}

/* Whether it is there, and the executor has not looked into it because it is protected. */
bool is_hidden(const Page &page)
{
	return page.is_protected && page.there != "-" && page.content.empty();
}

bool have_other_contents(const Page &one, const Page &other)
{
	return one.content != other.content && !is_hidden(one) && !is_hidden(other);
}

bool has_appeared(const Page &module, const Page &native)
{
	return native.there == "-" && module.there != "-" && !may_be_marker(module);
}

bool is_kept_natively(const Page &module, const Page &native)
{
	return (native.is_protected && !module.is_protected) ||
	       !std::ranges::includes(module.registration, native.registration);
}

bool is_number(const std::string &word)
{
	return std::ranges::all_of(word, [](unsigned char each) { return std::isdigit(each); });
}

/* A flag of memory that userfaultfd has registered. */
bool is_of_registration(const std::string &flag)
{
	return flag == "um" || flag == "uw" || flag == "ui" || flag == "ur";
}

/* The pages of "3*+p", which begin at @index. Returns where they end. */
unsigned add_run(Arena &arena, unsigned index, const std::string &run, Page page)
{
	const auto star = run.find('*');
	auto end = index + static_cast<unsigned>(std::stoul(run));

	for (const char letter : run.substr(star))
		if (letter == 'p')
			page.is_protected = true;
		else if (letter != '*')
			page.there += letter;
	for (; index < end; index++)
		arena.pages[index] = page;
	return end;
}

/* Which sum is of AnonHugePages. */
constexpr std::size_t sum_of_huge_pages = 2;

/* "p0-p8 rw-p 4 4 0 0 0 0 rd wr mr mw me ac 1*+ 7*-" */
void add_mapping(Arena &arena, const std::string &line)
{
	std::istringstream words(line);
	std::string word;
	std::size_t sum = 0;
	Page page;

	words >> word >> page.kind;
	auto index = static_cast<unsigned>(std::stoul(word.substr(1)));
	while (words >> word)
		if (is_number(word)) {
			arena.sums.resize(std::max(arena.sums.size(), sum + 1));
			arena.sums[sum++] += std::stoul(word);
		} else if (word.find('*') != word.npos) {
			index = add_run(arena, index, word, page);
		} else if (is_of_registration(word)) {
			page.registration.insert(word);
		} else {
			page.kind += ' ' + word;
		}
	arena.mappings++;
}

/* "contents: p0=17 p1=18*511": the pages from p1 on have all the same. */
void add_contents(Arena &arena, const std::string &line)
{
	std::istringstream words(line);
	std::string word;

	for (words >> word; words >> word;) {
		const auto equals = word.find('='), star = word.find('*');
		const auto content = word.substr(equals + 1, star - equals - 1);
		const auto first = std::stoul(word.substr(1));
		const auto count = star == word.npos ? 1 : std::stoul(word.substr(star + 1));
		for (auto index = first; index < first + count; index++)
			arena.pages[static_cast<unsigned>(index)].content = content;
	}
}

Arena arena_in(const std::string &state)
{
	std::istringstream lines(state);
	Arena arena;

	for (std::string line; std::getline(lines, line);)
		if (line.starts_with("contents:"))
			add_contents(arena, line);
		else if (line.starts_with('p'))
			add_mapping(arena, line);
	return arena;
}

} // namespace

Range pages_of(std::uint64_t start, std::uint64_t length)
{
	const auto end = start + length < start ? ~0ull : start + length;

	return {start & -FUZZ_PAGE, (end + FUZZ_PAGE - 1) & -FUZZ_PAGE};
}

bool overlap(const Ranges &some, const Ranges &others)
{
	return std::ranges::any_of(some, [&](const Range &one) {
		return std::ranges::any_of(others,
					   [&](const Range &other) { return one.overlaps(other); });
	});
}

bool have_all(const Ranges &ranges, const std::set<unsigned> &pages)
{
	return !pages.empty() && std::ranges::all_of(pages, [&](unsigned index) {
		return overlap(ranges, {pages_of(FUZZ_ARENA + index * FUZZ_PAGE, FUZZ_PAGE)});
	});
}

Ranges touched_by(const fuzz_call &call)
{
	const auto *given = call.arguments;
	Ranges ranges;

	switch (call.code) {
	case FUZZ_load:
	case FUZZ_store:
		return {pages_of(given[0], 1)};
	case FUZZ_send:
	case FUZZ_receive:
		return {pages_of(given[0], given[1] % (4 * FUZZ_PAGE))};
	case FUZZ_fork:
		return {pages_of(given[1], 1)};
	case FUZZ_madvise:
	case FUZZ_mlock:
		return {pages_of(given[0], given[1])};
	case FUZZ_copy:
		ranges.push_back(pages_of(given[1], given[2]));
		break;
	default:
		break;
	}
	if (call.place >= FUZZ_AT_PAGE && call.place < FUZZ_READ_ONLY)
		ranges.push_back(
			pages_of(FUZZ_ARENA + (call.place - FUZZ_AT_PAGE) * FUZZ_PAGE, 700));
	return ranges;
}

Ranges changed_by(const fuzz_call &call)
{
	const auto *given = call.arguments;

	switch (call.code) {
	case FUZZ_mmap:
		return {range_of_mmap(call)};
	case FUZZ_mremap:
		return {pages_of(given[0], given[1]), destination_of_mremap(call)};
	case FUZZ_move:
		return {pages_of(given[0], given[2]), pages_of(given[1], given[2])};
	case FUZZ_copy:
		return {pages_of(given[0], given[2])};
	default:
		if (type_of(call).kinds[0] == Kind::ADDRESS &&
		    type_of(call).kinds[1] == Kind::LENGTH)
			return {pages_of(given[0], given[1])};
		return {};
	}
}

Ranges followed(Ranges ranges, const Difference &difference)
{
	const auto &program = difference.program;

	for (unsigned i = 0; i < program.count && i <= difference.step(); i++) {
		const auto &call = program.calls[i];
		/* If the old length is 0, shared pages are mapped once more. */
		if (call.code == FUZZ_mremap &&
		    overlap(ranges,
			    {pages_of(call.arguments[0], call.arguments[1] + !call.arguments[1])}))
			ranges.push_back(destination_of_mremap(call));
	}
	return ranges;
}

Ranges mapped_as(std::initializer_list<fuzz_memory> kinds, const Difference &difference)
{
	const auto &program = difference.program;
	Ranges ranges;

	for (unsigned i = 0; i < program.count && i <= difference.step(); i++) {
		const auto &call = program.calls[i];
		const auto kind = static_cast<fuzz_memory>(call.arguments[2] % FUZZ_MEMORIES);
		if (call.code == FUZZ_mmap && std::ranges::find(kinds, kind) != kinds.end())
			ranges.push_back(range_of_mmap(call));
	}
	return followed(ranges, difference);
}

Ranges whole_huge_pages(Ranges ranges)
{
	for (auto &range : ranges) {
		range.start -= range.start % FUZZ_HUGE_PAGE;
		range.end += (FUZZ_HUGE_PAGE - range.end % FUZZ_HUGE_PAGE) % FUZZ_HUGE_PAGE;
	}
	return ranges;
}

StateDifference difference_of_states(const Difference &difference)
{
	auto module = arena_in(difference.module.state), native = arena_in(difference.native.state);
	StateDifference found;

	found.more_natively = native.mappings - module.mappings;
	found.access = module.pages.size() != native.pages.size();
	for (const auto &[index, page] : module.pages) {
		const auto &other = native.pages[index];
		found.access |= page.kind != other.kind;
		found.other |= !alike(page, other);
		if (has_appeared(page, other))
			found.appeared.insert(index);
		if (is_kept_natively(page, other))
			found.kept_natively.insert(index);
		if (page != other)
			found.differing.insert(index);
		if (page.is_protected != other.is_protected)
			found.protection.insert(index);
		if (page.registration != other.registration)
			found.registration.insert(index);
		if (have_other_contents(page, other))
			found.contents.insert(index);
	}
	found.other |= found.access;
	module.sums.resize(native.sums.size());
	const bool other_sums = module.sums != native.sums;
	if (native.sums.size() > sum_of_huge_pages) {
		auto &huge = module.sums[sum_of_huge_pages];
		found.fewer_huge_natively = huge > native.sums[sum_of_huge_pages];
		huge = native.sums[sum_of_huge_pages];
	}
	found.fewer_huge_natively &= !found.other && module.sums == native.sums;
	found.only_counts =
		!found.other && other_sums && found.differing.empty() && !found.more_natively;
	found.other |= other_sums;
	return found;
}

} // namespace fuzz
