// SPDX-License-Identifier: GPL-2.0-only
/* Checks that the documentation says what this kernel answers. */
#include "harness/backend.hpp"
#include "harness/harness.hpp"
#include "lib/offer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <sys/utsname.h>
#include <vector>

using namespace selftests;

namespace {

/* Documentation/features.rst, as scripts/lib/testlib carries it in. */
constexpr auto file_name = "/lib/features.rst";

using Words = std::vector<std::string>;

Words words_of(const std::string &line)
{
	std::istringstream stream(line);

	return Words(std::istream_iterator<std::string>(stream), {});
}

/* A line of a table, and the title above the table. */
struct Row {
	std::string title;
	Words words;
};

/* All rows of the tables, headers included: the lines after the first border under a title. */
std::vector<Row> rows_of(std::istream &file)
{
	std::vector<Row> rows;
	std::string title, before;
	unsigned borders = 0;

	for (std::string line; std::getline(file, line); before = line) {
		const auto words = words_of(line);

		if (line.starts_with("---")) {
			title = before;
			borders = 0;
		} else if (line.starts_with("===")) {
			borders++;
		} else if (!title.empty() && (borders == 1 || borders == 2) && !words.empty()) {
			rows.push_back({title, words});
		}
	}
	return rows;
}

/* "6.12" */
std::string kernel_series()
{
	utsname name;

	checked(::uname(&name));
	const std::string release = name.release;
	return release.substr(0, release.find_first_not_of("0123456789", release.find('.') + 1));
}

/* Which word of a row is this kernel's and backend's; a header names each column by two words. */
std::size_t column_of(const Words &header)
{
	for (std::size_t i = 1; i + 1 < header.size(); i += 2)
		if (header[i] == kernel_series() && header[i + 1] == name_of(backend_under_test()))
			return i / 2 + 1;
	skip("the table has no column of this kernel");
}

/* "The context: SIGBUS: yes", sorted */
using Answers = std::set<std::string>;

Answers documented(std::istream &file)
{
	Answers answers;
	std::size_t column = 0;

	for (const auto &[title, words] : rows_of(file)) {
		if (words.front() == "Offered") {
			column = column_of(words);
			continue;
		}
		INFO(title << ": " << words.front());
		REQUIRE(column < words.size());
		/* A bit without a name has a row if any kernel offers it. */
		if (words.front().starts_with("bit-") && words[column] == "no")
			continue;
		REQUIRE(answers.insert(title + ": " + words.front() + ": " + words[column]).second);
	}
	return answers;
}

Answers offered()
{
	Answers answers;

	for (const auto &[subject, name, answer] : offer())
		answers.insert(subject + ": " + name + ": " + answer);
	return answers;
}

Answers only_in(const Answers &some, const Answers &others)
{
	Answers left;

	std::ranges::set_difference(some, others, std::inserter(left, left.end()));
	return left;
}

} // namespace

TEST_CASE("Documentation/features.rst says what is offered, and nothing else", "[api][offer]")
{
	std::ifstream file(file_name);
	if (!file)
		skip("features.rst was not carried in");
	const auto said = documented(file), answered = offered();

	INFO("to rewrite the table: make features");
	CHECK(only_in(answered, said) == Answers{});
	CHECK(only_in(said, answered) == Answers{});
}
