// SPDX-License-Identifier: GPL-2.0-only
#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace bench {

namespace {

using nlohmann::ordered_json;

std::optional<double> ratio_of(const Figure &figure)
{
	if (!figure.native || *figure.native == 0)
		return std::nullopt;
	return figure.module / *figure.native;
}

ordered_json to_json(const Figure &figure)
{
	ordered_json json{{"name", figure.name}, {"unit", figure.unit}, {"module", figure.module}};

	if (figure.native)
		json["native"] = *figure.native;
	if (const auto ratio = ratio_of(figure))
		json["ratio"] = *ratio;
	if (figure.limit)
		json["limit"] = *figure.limit;
	json["limit_is"] = figure.limit_is;
	json["met"] = figure.met();
	return json;
}

Figure from_json(const ordered_json &json)
{
	Figure figure{json.at("name"),	  json.at("unit"), json.at("module"), {}, {},
		      json.at("limit_is")};

	if (json.contains("native"))
		figure.native = json["native"];
	if (json.contains("limit"))
		figure.limit = json["limit"];
	return figure;
}

std::string number(double value, int digits)
{
	std::ostringstream text;

	text << std::fixed << std::setprecision(digits) << value;
	return text.str();
}

/* With one digit more than runs repeat. */
std::string instructions(double value)
{
	return number(value, value < 1000 ? 1 : 0);
}

constexpr int name_width = 46;

std::string verdict(const Figure &figure)
{
	if (!figure.limit)
		return figure.limit_is;
	return (figure.met() ? "met: " : "MISSED: ") + figure.limit_is;
}

struct Row {
	std::string name, unit, module, native, ratio, target;
};

void print(std::ostream &out, const Row &row)
{
	out << std::left << std::setw(name_width) << row.name << std::setw(9) << row.unit
	    << std::right << std::setw(10) << row.module << std::setw(10) << row.native
	    << std::setw(8) << row.ratio << "  " << row.target << '\n';
}

double difference(double one, double other)
{
	const double larger = std::max(one, other);

	return larger == 0 ? 0 : std::abs(one - other) / larger;
}

double difference(const Figure &one, const Figure &other)
{
	return std::max(difference(one.module, other.module),
			difference(one.native.value_or(0), other.native.value_or(0)));
}

std::string percent(double share)
{
	return number(100 * share, 2) + " %";
}

const Figure &same_figure(const Results &results, const Figure &figure)
{
	const auto same = std::ranges::find(results.figures, figure.name, &Figure::name);

	if (same == results.figures.end())
		throw std::runtime_error("only one of the runs measured: " + figure.name);
	return *same;
}

} // namespace

void write_json(std::ostream &out, const Results &results)
{
	ordered_json json{{"kernel", results.kernel},
			  {"counted", "executed instructions, except for memory"},
			  {"figures", ordered_json::array()}};

	for (const auto &figure : results.figures)
		json["figures"].push_back(to_json(figure));
	out << json.dump(2) << '\n';
}

Results read_json(std::istream &in)
try {
	const auto json = ordered_json::parse(in);
	Results results{json.at("kernel"), {}};

	for (const auto &figure : json.at("figures"))
		results.figures.push_back(from_json(figure));
	return results;
} catch (const ordered_json::exception &error) {
	throw std::runtime_error(std::string("this is not a file of results: ") + error.what());
}

bool print_table(std::ostream &out, const Results &results)
{
	out << "Linux " << results.kernel << ", executed instructions\n\n";
	print(out, {"", "each", "module", "native", "ratio", "target"});
	for (const auto &figure : results.figures) {
		const auto ratio = ratio_of(figure);

		print(out, {figure.name, figure.unit, instructions(figure.module),
			    figure.native ? instructions(*figure.native) : "",
			    ratio ? number(*ratio, 3) : "", verdict(figure)});
	}

	const auto missed = std::ranges::count_if(results.figures, std::not_fn(&Figure::met));

	out << '\n' << missed << " of " << results.figures.size() << " targets missed\n";
	return missed == 0;
}

bool print_difference(std::ostream &out, const Results &one, const Results &other, double tolerance)
{
	double largest = 0;

	for (const auto &figure : other.figures)
		same_figure(one, figure);
	for (const auto &figure : one.figures) {
		const double here = difference(figure, same_figure(other, figure));

		if (figure.unit == "byte")
			continue; /* these are bytes of whole slabs, and no instructions */

		out << std::left << std::setw(name_width) << figure.name << std::right
		    << std::setw(9) << percent(here) << '\n';
		largest = std::max(largest, here);
	}
	out << "the largest difference is " << percent(largest) << '\n';
	return largest <= tolerance;
}

} // namespace bench
