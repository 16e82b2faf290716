// SPDX-License-Identifier: GPL-2.0-only
/* Whether the documentation says of this kernel what it answers. */
#include "backend.hpp"
#include "harness.hpp"
#include "offer.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <sys/utsname.h>
#include <utility>
#include <vector>

using namespace selftests;

namespace {

/* Documentation/features.rst, as scripts/testlib carries it in. */
constexpr auto file_name = "/lib/features.rst";

using Words = std::vector<std::string>;

Words words_of(const std::string &line)
{
	std::istringstream stream(line);

	return Words(std::istream_iterator<std::string>(stream), {});
}

/* What the rows of the tables have behind their name, by the title above and the name. */
std::map<std::pair<std::string, std::string>, Words> rows_of(std::istream &file)
{
	std::map<std::pair<std::string, std::string>, Words> rows;
	std::string title, before;

	for (std::string line; std::getline(file, line); before = line) {
		auto words = words_of(line);

		if (line.starts_with("---"))
			title = before;
		if (words.empty())
			continue;
		const auto name = words.front();
		words.erase(words.begin());
		rows[{title, name}] = std::move(words);
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

/* Which of the columns, each of which is named by two words, is this kernel's and backend's. */
std::size_t column_of(const Words &header)
{
	for (std::size_t i = 0; i + 1 < header.size(); i += 2)
		if (header[i] == kernel_series() && header[i + 1] == name_of(backend_under_test()))
			return i / 2;
	skip("the table has no column of this kernel");
}

} // namespace

TEST_CASE("Documentation/features.rst says what is offered", "[api][offer]")
{
	std::ifstream file(file_name);
	if (!file)
		skip("the table is not here");
	const auto rows = rows_of(file);
	const auto all = offer();

	INFO("make features writes the table anew");
	for (const auto &each : all) {
		const auto row = rows.find({each.subject, each.name});
		const auto header = rows.find({each.subject, "Offered"});

		INFO(each.subject << ": " << each.name);
		REQUIRE(row != rows.end());
		REQUIRE(header != rows.end());
		const auto column = column_of(header->second);
		REQUIRE(column < row->second.size());
		CHECK(row->second[column] == each.answer);
	}
}
