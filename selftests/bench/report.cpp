// SPDX-License-Identifier: GPL-2.0-only
#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace bench {

namespace {

using nlohmann::ordered_json;

ordered_json to_json(const Figure &figure)
{
	ordered_json json{{"name", figure.name}, {"unit", figure.unit}, {"module", figure.module}};

	if (figure.native) {
		json["native"] = *figure.native;
		json["ratio"] = figure.module / *figure.native;
	}
	json["limit"] = figure.limit;
	json["limit_is"] = figure.limit_is;
	json["met"] = figure.met();
	return json;
}

Figure from_json(const ordered_json &json)
{
	Figure figure{json.at("name"), json.at("unit"), json.at("module"), {},
		      json.at("limit"), json.at("limit_is")};

	if (json.contains("native"))
		figure.native = json["native"];
	return figure;
}

/* One digit is more than repeats. */
std::string number(double value)
{
	std::ostringstream text;

	text << std::fixed << std::setprecision(value < 1000 ? 1 : 0) << value;
	return text.str();
}

std::string ratio(const Figure &figure)
{
	std::ostringstream text;

	if (figure.native && *figure.native > 0)
		text << std::fixed << std::setprecision(3) << figure.module / *figure.native;
	return text.str();
}

struct Row {
	std::string name, unit, module, native, ratio, target;
};

void print(std::ostream &out, const Row &row)
{
	out << std::left << std::setw(42) << row.name << std::setw(9) << row.unit << std::right
	    << std::setw(10) << row.module << std::setw(10) << row.native << std::setw(8) << row.ratio
	    << "  " << row.target << '\n';
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
	std::ostringstream text;

	text << std::fixed << std::setprecision(2) << 100 * share << " %";
	return text.str();
}

} // namespace

void write_json(std::ostream &out, const Results &results)
{
	ordered_json json{{"kernel", results.kernel},
			  {"counted", "executed instructions, but for memory"},
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
	throw std::runtime_error(std::string("not what the benchmark writes: ") + error.what());
}

bool print_table(std::ostream &out, const Results &results)
{
	out << "Linux " << results.kernel << ", executed instructions, the median\n\n";
	print(out, {"", "each", "module", "native", "ratio", "to reach"});
	for (const auto &figure : results.figures)
		print(out, {figure.name, figure.unit, number(figure.module),
			    figure.native ? number(*figure.native) : "", ratio(figure),
			    (figure.met() ? "met: " : "MISSED: ") + figure.limit_is});

	const auto missed = std::ranges::count_if(results.figures, std::not_fn(&Figure::met));

	out << '\n' << missed << " of " << results.figures.size() << " targets missed\n";
	return missed == 0;
}

bool print_difference(std::ostream &out, const Results &one, const Results &other, double tolerance)
{
	double largest = 0;

	for (const auto &figure : one.figures) {
		const auto again = std::ranges::find(other.figures, figure.name, &Figure::name);

		if (again == other.figures.end())
			throw std::runtime_error("only one of the runs measured: " + figure.name);

		const double here = difference(figure, *again);

		out << std::left << std::setw(42) << figure.name << std::right << std::setw(9)
		    << percent(here) << '\n';
		largest = std::max(largest, here);
	}
	out << "the largest difference is " << percent(largest) << '\n';
	return largest <= tolerance;
}

} // namespace bench
