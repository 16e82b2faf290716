// SPDX-License-Identifier: GPL-2.0-only
#include "errno/record.hpp"

#include "harness/harness.hpp"
#include "lib/memory.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <map>
#include <utility>

namespace selftests {

namespace {

char letter_of(int error)
{
	switch (error) {
	case 0:
		return '+';
	case EAGAIN:
		return 'a';
	case EBUSY:
		return 'b';
	case EEXIST:
		return 'e';
	case EFAULT:
		return 'f';
	case EINVAL:
		return 'i';
	case ENOMEM:
		return 'm';
	case ENOENT:
		return 'n';
	case EPERM:
		return 'p';
	case ESRCH:
		return 's';
	default:
		return '?';
	}
}

/*
 * Whether the struct has the answer too. On success, every command with an answer writes it there.
 */
bool is_in_struct(const Outcome &outcome)
{
	const auto answer =
		outcome.fields.empty() ? 0 : static_cast<std::int64_t>(outcome.fields.back());

	if (outcome.error == EAGAIN && answer > 0)
		return answer % page_size() == 0;
	return outcome.error && answer == -outcome.error;
}

char letter_of(const Outcome &outcome)
{
	const char letter = letter_of(outcome.error);

	return is_in_struct(outcome) ? static_cast<char>(std::toupper(letter)) : letter;
}

/* Whether such a range lies in user memory with five levels of page tables, but not with four. */
bool depends_on_levels(std::uint64_t start, std::uint64_t length)
{
	const auto fits = [&](unsigned bits) {
		const auto end = (1ull << bits) - page_size();
		return start < end && length <= end - start;
	};
	return fits(47) != fits(56);
}

bool depends_on_levels(const Row &row)
{
	const auto &given = row.given;
	const bool has_source = row.command == "COPY" || row.command == "MOVE";

	if (given.size() < 2)
		return false;
	return has_source ? depends_on_levels(given[0], given[2]) ||
				    depends_on_levels(given[1], given[2])
			  : depends_on_levels(given[0], given[1]);
}

/* "iiie" as "i3 e" */
std::string shortened(const std::string &letters)
{
	std::string text;

	for (std::size_t i = 0; i < letters.size();) {
		const auto next =
			std::min(letters.find_first_not_of(letters[i], i), letters.size());

		text += std::string(" ") + letters[i];
		if (next > i + 1)
			text += std::to_string(next - i);
		i = next;
	}
	return text;
}

/* "POISON start=hole len": all of it but the last value. */
std::string name_of_line(const Row &row)
{
	return row.command + ' ' + row.call.substr(0, row.call.rfind('='));
}

std::string recording;

} // namespace

Lines lines_of(const std::vector<Row> &rows)
{
	std::map<std::string, std::string> letters;
	Lines lines;

	for (const auto &row : rows)
		if (row.newer && !depends_on_levels(row))
			letters[name_of_line(row)] += letter_of(row.outcome);
	for (const auto &[name, answers] : letters)
		lines.insert(name + ':' + shortened(answers));
	return lines;
}

void record_to(std::string file)
{
	recording = std::move(file);
	std::ofstream(recording)
		<< "# SPDX-License-Identifier: GPL-2.0-only\n"
		   "# Written by \"make errno-record\"; record.hpp says what it is.\n";
}

bool is_recording()
{
	return !recording.empty();
}

void record(std::string_view table, const Lines &lines)
{
	std::ofstream file(recording, std::ios::app);

	if (lines.empty())
		return;
	file << '[' << table << "]\n";
	for (const auto &line : lines)
		file << line << '\n';
}

Lines recorded(std::string_view table)
{
	std::ifstream file(record_file);
	std::string title;
	Lines lines;

	if (!file)
		skip("there is no record of answers");
	for (std::string line; std::getline(file, line);) {
		if (line.starts_with('['))
			title = line.substr(1, line.size() - 2);
		else if (title == table)
			lines.insert(line);
	}
	return lines;
}

} // namespace selftests
