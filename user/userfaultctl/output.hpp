/* SPDX-License-Identifier: MIT */
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>
#include <vector>

namespace userfaultctl {

/* How results are printed. */
struct Output {
	std::ostream &out;
	bool json = false;
	bool colour = false; /* only on a terminal */
	unsigned width = 80;

	/* One JSON document, on a line of its own. */
	void document(const nlohmann::ordered_json &document) const;
	/* Between the codes of a colour, if there are to be any. */
	std::string warning(const std::string &text) const;
	std::string heading(const std::string &text) const;
};

/* Rows of text in columns that are as wide as their longest field. */
class Table {
public:
	/* A title that begins with '>' is of a column whose fields end below each other. */
	explicit Table(std::vector<std::string> titles);

	void add(std::vector<std::string> fields);
	bool empty() const { return rows_.empty(); }
	/* @indent: what each line begins with. */
	void print(const Output &output, const std::string &indent = "") const;

private:
	std::vector<std::string> titles_;
	std::vector<bool> ends_below_;
	std::vector<std::vector<std::string>> rows_;
};

/* "5 ms", "1.2 s", "3 min", "2 h", "4 d" */
std::string short_time(std::chrono::milliseconds time);
/* "512 B", "4.0 KiB", "1.5 GiB" */
std::string short_bytes(std::uint64_t bytes);
/* The same without the unit of bytes, by thousands: "950", "12.3 k", "4.0 M" */
std::string short_count(double count);
/* Text of somebody else's, with a '?' for each byte that could do something to a terminal. */
std::string harmless(std::string text);
std::string joined(const std::vector<std::string> &words, const std::string &between);

} // namespace userfaultctl
