// SPDX-License-Identifier: MIT
#include "output.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace userfaultctl {

namespace {

/* @value in the largest of @units, each @factor times the one before, in which it is 1 or more. */
template <std::size_t count>
std::string in_units(double value, double factor, const std::array<const char *, count> &units)
{
	std::size_t i = 0;

	while (i + 1 < count && value >= factor) {
		value /= factor;
		i++;
	}
	return i ? fmt::format("{:.1f} {}", value, units[i])
		 : fmt::format("{:.0f}{}{}", value, *units[0] ? " " : "", units[0]);
}

} // namespace

void Output::document(const nlohmann::ordered_json &document) const
{
	out << document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
	    << '\n'
	    << std::flush;
}

std::string Output::warning(const std::string &text) const
{
	return colour ? "\033[33m" + text + "\033[0m" : text;
}

std::string Output::heading(const std::string &text) const
{
	return colour ? "\033[1m" + text + "\033[0m" : text;
}

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles))
{
	for (auto &title : titles_) {
		ends_below_.push_back(title.starts_with('>'));
		if (ends_below_.back())
			title.erase(0, 1);
	}
}

void Table::add(std::vector<std::string> fields)
{
	rows_.push_back(std::move(fields));
}

void Table::print(const Output &output, const std::string &indent) const
{
	std::vector<std::size_t> widths;

	for (std::size_t i = 0; i < titles_.size(); i++) {
		auto width = titles_[i].size();

		for (const auto &row : rows_)
			width = std::max(width, row[i].size());
		widths.push_back(width);
	}
	const auto line_of = [&](const std::vector<std::string> &fields) {
		std::string line = indent;

		for (std::size_t i = 0; i < fields.size(); i++)
			line += ends_below_[i] ? fmt::format("{:>{}}  ", fields[i], widths[i])
					       : fmt::format("{:<{}}  ", fields[i], widths[i]);
		return line.substr(0, line.find_last_not_of(' ') + 1);
	};

	output.out << output.heading(line_of(titles_)) << '\n';
	for (const auto &row : rows_)
		output.out << line_of(row) << '\n';
}

std::string short_time(std::chrono::milliseconds time)
{
	using namespace std::chrono;

	if (time < seconds(1))
		return fmt::format("{} ms", time.count());
	if (time < minutes(1))
		return fmt::format("{:.1f} s", duration<double>(time).count());
	if (time < hours(1))
		return fmt::format("{} min", duration_cast<minutes>(time).count());
	if (time < days(1))
		return fmt::format("{} h", duration_cast<hours>(time).count());
	return fmt::format("{} d", duration_cast<days>(time).count());
}

std::string short_bytes(std::uint64_t bytes)
{
	return in_units(static_cast<double>(bytes), 1024,
			std::array{"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string short_count(double count)
{
	return in_units(count, 1000, std::array{"", "k", "M", "G", "T"});
}

std::string harmless(std::string text)
{
	for (auto &byte : text)
		if (byte < ' ' || byte > '~') /* signed or not: what isn't ASCII is neither */
			byte = '?';
	return text;
}

std::string joined(const std::vector<std::string> &words, const std::string &between)
{
	std::string text;

	for (const auto &word : words)
		text += (text.empty() ? "" : between) + word;
	return text;
}

} // namespace userfaultctl
