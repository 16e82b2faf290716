// SPDX-License-Identifier: GPL-2.0-only
#include "errno/record.hpp"

#include "lib/memory.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <map>
#include <sstream>

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

/* What worked is said in the struct by all commands that say anything there. */
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

/* Whether it depends on the levels of page tables if such a range can be. */
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

const std::string_view record = R"(
[ranges]
POISON start=-1 len: i19
POISON start=-page len: i19
POISON start=0 len: i3 N i N7 i3 N i2
POISON start=2^47 - 2 pages len: i3 N i6
POISON start=2^47 - page len: i6
POISON start=2^47 len: i6
POISON start=2^56 - 2 pages len: i15
POISON start=2^56 - page len: i19
POISON start=2^56 len: i19
POISON start=2^63 len: i19
POISON start=asynchronous private file len: i3 N i N7 i6
POISON start=asynchronous shared file len: i3 N i N7 i6
POISON start=behind protectable len: i3 + i + N6 i6
POISON start=behind the end of shmem len: i3 + i + A N5 i6
POISON start=behind unregistered len: i3 + i + N6 i6
POISON start=end of registered len: i3 N i N7 i6
POISON start=filled len: i3 E i E2 N5 i6
POISON start=hole len: i3 N i N7 i6
POISON start=hugetlb len: i3 N i N7 i6
POISON start=kernel len: i19
POISON start=last of source len: i3 N i N7 i6
POISON start=last registered page len: i3 + i N7 i6
POISON start=no page of shmem len: i3 F i F N6 i6
POISON start=of another context len: i3 + i + N6 i6
POISON start=page of hugetlb len: i3 I i I5 + N i6
POISON start=page of long shmem len: i3 + i A E N5 i6
POISON start=page of private shmem len: i3 + i N7 i6
POISON start=page of shmem len: i3 + i N7 i6
POISON start=private file len: i3 N i N7 i6
POISON start=private shmem len: i3 N i N7 i6
POISON start=protectable len: i3 + i +2 N5 i6
POISON start=read-only len: i3 + i + N6 i6
POISON start=read-only shmem len: i3 N i N7 i6
POISON start=registered + 1 len: i18
POISON start=registered + 8 len: i18
POISON start=registered - page len: i3 N i N7 i6
POISON start=registered hugetlb len: i3 I i I5 + N i6
POISON start=registered len: i3 + i +2 A N4 i6
POISON start=registered private shmem len: i3 + i + N6 i6
POISON start=registered shared hugetlb len: i3 I i I5 + N i6
POISON start=registered shmem len: i3 + i + N6 i6
POISON start=second hugetlb page len: i3 N i N7 i6
POISON start=shared anonymous len: i3 N i N7 i6
POISON start=shared file len: i3 N i N7 i6
POISON start=shared shmem len: i3 N i N7 i6
POISON start=source + 1 len: i18
POISON start=source + page - 1 len: i18
POISON start=source len: i3 N i N7 i6
POISON start=struct len: i3 N i N7 i6
POISON start=third registered page len: i3 + i + A N5 i6
POISON start=unregistered len: i3 N i N7 i6
POISON start=without access len: i3 + i + N6 i6
[copies]
MOVE dst=-1 len: i18
MOVE dst=-page len: i18
MOVE dst=0 len: i3 N i N7 i3 N i2
MOVE dst=2^47 - 2 pages len: i3 N i6
MOVE dst=2^47 - page len: i6
MOVE dst=2^47 len: i6
MOVE dst=2^56 - 2 pages len: i14
MOVE dst=2^56 - page len: i18
MOVE dst=2^56 len: i18
MOVE dst=2^63 len: i18
MOVE dst=2^63 src: i49
MOVE dst=asynchronous private file len: i3 I i I7 i6
MOVE dst=asynchronous shared file len: i3 I i I7 i6
MOVE dst=behind protectable len: i3 + i + I6 i6
MOVE dst=behind the end of shmem len: i3 I i I7 i6
MOVE dst=behind unregistered len: i3 + i + I6 i6
MOVE dst=end of registered len: i3 N i N7 i6
MOVE dst=filled len: i3 E i E2 I5 i6
MOVE dst=filled mode: E2
MOVE dst=filled src: E5 I11 E2 I2 E I4 i2 N E3 N2 E i2 I5 N2 i6
MOVE dst=hole len: i3 N i N7 i6
MOVE dst=hole src: N25 i2 N7 i2 N7 i6
MOVE dst=hugetlb len: i3 I i I7 i6
MOVE dst=kernel len: i15
MOVE dst=last of source len: i3 I i I7 i6
MOVE dst=last registered page len: i3 + i I7 i6
MOVE dst=no page of shmem len: i3 I i I7 i6
MOVE dst=no page of shmem src: I25 i2 N I3 N2 I i2 I5 N2 i6
MOVE dst=of another context len: i3 I i I7 i6
MOVE dst=page of hugetlb len: i3 I i I7 i6
MOVE dst=page of long shmem len: i3 I i I7 i6
MOVE dst=page of private shmem len: i3 I i I7 i6
MOVE dst=page of shmem len: i3 I i I7 i6
MOVE dst=page of shmem src: I25 i2 N I3 N2 I i2 I5 N2 i6
MOVE dst=private file len: i3 I i I7 i6
MOVE dst=private shmem len: i3 I i I7 i6
MOVE dst=protectable len: i3 + i +2 I5 i6
MOVE dst=protectable mode: +2
MOVE dst=read-only len: i3 I i I7 i6
MOVE dst=read-only shmem len: i3 I i I7 i6
MOVE dst=registered + 1 len: i18
MOVE dst=registered + 1 src: i49
MOVE dst=registered + 8 len: i18
MOVE dst=registered - page len: i3 N i N7 i6
MOVE dst=registered hugetlb len: i3 I i I7 i6
MOVE dst=registered len: i3 + i +2 I5 i6
MOVE dst=registered mode: +2
MOVE dst=registered private shmem len: i3 I i I7 i6
MOVE dst=registered shared hugetlb len: i3 I i I7 i6
MOVE dst=registered shmem len: i3 I i I7 i6
MOVE dst=registered src: + N4 I11 N2 I2 N I4 i2 N2 + N3 + i2 I5 N2 i6
MOVE dst=second hugetlb page len: i3 I i I7 i6
MOVE dst=shared anonymous len: i3 I i I7 i6
MOVE dst=shared file len: i3 I i I7 i6
MOVE dst=shared shmem len: i3 I i I7 i6
MOVE dst=source + 1 len: i18
MOVE dst=source + page - 1 len: i18
MOVE dst=source len: i3 I i I7 i6
MOVE dst=struct len: i3 I i I7 i6
MOVE dst=third registered page len: i3 + i + A I5 i6
MOVE dst=unregistered len: i3 I i I7 i6
MOVE dst=unregistered mode: I2
MOVE dst=unregistered src: I25 i2 N I3 N2 I i2 I5 N2 i6
MOVE dst=without access len: i3 I i I7 i6
MOVE src=-1 len: i18
MOVE src=-page len: i18
MOVE src=0 len: i3 N i N7 i3 N i2
MOVE src=2^47 - 2 pages len: i3 N i6
MOVE src=2^47 - page len: i6
MOVE src=2^47 len: i6
MOVE src=2^56 - 2 pages len: i14
MOVE src=2^56 - page len: i18
MOVE src=2^56 len: i18
MOVE src=2^63 len: i18
MOVE src=asynchronous private file len: i3 I i I7 i6
MOVE src=asynchronous shared file len: i3 I i I7 i6
MOVE src=behind protectable len: i3 N i N I6 i6
MOVE src=behind the end of shmem len: i3 I i I7 i6
MOVE src=behind unregistered len: i3 N i N I6 i6
MOVE src=end of registered len: i3 N i N7 i6
MOVE src=filled len: i3 + i A2 I5 i6
MOVE src=hole len: i3 N i N7 i6
MOVE src=hugetlb len: i3 I i I7 i6
MOVE src=kernel len: i15
MOVE src=last of source len: i3 + i I7 i6
MOVE src=last registered page len: i3 N i I7 i6
MOVE src=no page of shmem len: i3 I i I7 i6
MOVE src=of another context len: i3 N i N I6 i6
MOVE src=page of hugetlb len: i3 I i I7 i6
MOVE src=page of long shmem len: i3 I i I7 i6
MOVE src=page of private shmem len: i3 I i I7 i6
MOVE src=page of shmem len: i3 I i I7 i6
MOVE src=private file len: i3 I i I7 i6
MOVE src=private shmem len: i3 I i I7 i6
MOVE src=protectable len: i3 N i N2 I5 i6
MOVE src=read-only len: i3 I i I7 i6
MOVE src=read-only shmem len: i3 I i I7 i6
MOVE src=registered + 1 len: i18
MOVE src=registered + 8 len: i18
MOVE src=registered - page len: i3 N i N7 i6
MOVE src=registered hugetlb len: i3 I i I7 i6
MOVE src=registered len: i3 N i N3 I4 i6
MOVE src=registered private shmem len: i3 I i I7 i6
MOVE src=registered shared hugetlb len: i3 I i I7 i6
MOVE src=registered shmem len: i3 I i I7 i6
MOVE src=second hugetlb page len: i3 I i I7 i6
MOVE src=shared anonymous len: i3 I i I7 i6
MOVE src=shared file len: i3 I i I7 i6
MOVE src=shared shmem len: i3 I i I7 i6
MOVE src=source + 1 len: i18
MOVE src=source + page - 1 len: i18
MOVE src=source len: i3 + i +2 I5 i6
MOVE src=struct len: i3 N i I7 i6
MOVE src=third registered page len: i3 N i N2 I5 i6
MOVE src=unregistered len: i3 N i N I6 i6
MOVE src=without access len: i3 I i I7 i6
[modes]
CONTINUE page of hugetlb mode: +2
CONTINUE registered hugetlb mode: F2
CONTINUE registered mode: I2
CONTINUE registered shared hugetlb mode: F2
MOVE mode=unknown range: i5
MOVE page of hugetlb mode: I2 i62 I3 i62 I
MOVE registered hugetlb mode: I2 i62 I3 i62 I
MOVE registered mode: +2 i62 +3 i62 +
MOVE registered shared hugetlb mode: I2 i62 I3 i62 I
POISON mode=unknown range: i5
POISON page of hugetlb mode: + i63 +2 i63 +
POISON registered hugetlb mode: + i63 +2 i63 +
POISON registered mode: + i63 +2 i63 +
POISON registered shared hugetlb mode: + i63 +2 i63 +
[memory]
CONTINUE mode=2 start: N I N I4 N6 I5 N4 F2 + i2 N I3 N3 i2 N I4 N2 i6
MOVE mode=0 start: I + I + I12 +2 I7 i2 N + E + N2 I i2 I5 N2 i6
POISON mode=0 start: N + N +4 N6 +5 N4 +3 i2 N + E + N3 i2 N +3 F N2 i6
[WP_UNPOPULATED]
CONTINUE mode=2 start: N I N I4 N6 I5 N4 F2 + i2 N I3 N3 i2 N I4 N2 i6
COPY mode=2 start: N I N I4 N6 I3 + I N4 +2 E i2 N I3 N3 i2 N I4 N2 i6
WRITEPROTECT mode=0 start: n16 + n5 +3 i2 n7 i2 n7 i6
WRITEPROTECT mode=1 start: n16 + n5 +3 i2 n7 i2 n7 i6
WRITEPROTECT mode=2 start: n16 + n5 +3 i2 n7 i2 n7 i6
WRITEPROTECT mode=3 start: i49
[WP_ASYNC]
CONTINUE mode=0 start: I2
CONTINUE mode=2 start: N I N I4 N6 I7 N2 F2 + i2 N I3 N3 i2 N I4 N2 i6
COPY mode=0 start: I2
COPY mode=2 start: N I N I4 N6 I3 + I3 N2 +2 E i2 N I3 N3 i2 N I4 N2 i6
MOVE mode=0 start: I2
POISON mode=0 start: I2
REGISTER mode=2 start: +4 b +6 p +13 i3 +3 i2 + i3 +4 i8
REGISTER mode=3 start: +4 b +2 i2 +2 p +6 i2 +5 i3 +3 i2 + i3 +4 i8
REGISTER mode=6 start: i9 +2 p +4 i5 +4 i12 +4 i8
REGISTER mode=7 start: i9 +2 p +4 i5 +4 i12 +4 i8
WRITEPROTECT mode=0 start: n16 + n +2 n2 +3 i2 n7 i2 n7 i6
WRITEPROTECT mode=1 start: n16 + n +2 n2 +3 i2 n7 i2 n7 i6
WRITEPROTECT mode=2 start: n16 + n +2 n2 +3 i2 n7 i2 n7 i6
WRITEPROTECT mode=3 start: i49
ZEROPAGE mode=0 start: I2
[structs]
MOVE bytes of the struct that are there: f10 +
MOVE struct: f7
MOVE the struct is read-only: f
POISON bytes of the struct that are there: f8 +
POISON struct: f7
POISON the struct is read-only: f
[after exit]
MOVE after exit start=0 len: i4
MOVE after exit start=2^63 len: i4
MOVE after exit start=registered + 1 len: i4
MOVE after exit start=registered len: i4
POISON after exit start=0 len: i2 s i
POISON after exit start=2^63 len: i4
POISON after exit start=registered + 1 len: i4
POISON after exit start=registered len: i2 s i
[while mappings change]
MOVE while mappings change: FORK elsewhere: A16 f2
MOVE while mappings change: FORK within: A16 f2
MOVE while mappings change: REMAP elsewhere: A16 f2
MOVE while mappings change: REMAP within: A16 f2
MOVE while mappings change: REMOVE elsewhere: A16 f2
MOVE while mappings change: REMOVE within: A16 f2
MOVE while mappings change: UNMAP elsewhere: A16 f2
MOVE while mappings change: UNMAP within: A16 f2
POISON while mappings change: FORK elsewhere: A16 f2
POISON while mappings change: FORK within: A16 f2
POISON while mappings change: REMAP elsewhere: A16 f2
POISON while mappings change: REMAP within: A16 f2
POISON while mappings change: REMOVE elsewhere: A16 f2
POISON while mappings change: REMOVE within: A16 f2
POISON while mappings change: UNMAP elsewhere: A16 f2
POISON while mappings change: UNMAP within: A16 f2
)";

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

Lines recorded(std::string_view table)
{
	std::istringstream text{std::string(record)};
	std::string title;
	Lines lines;

	for (std::string line; std::getline(text, line);) {
		if (line.starts_with('['))
			title = line.substr(1, line.size() - 2);
		else if (title == table && !line.empty())
			lines.insert(line);
	}
	return lines;
}

} // namespace selftests
