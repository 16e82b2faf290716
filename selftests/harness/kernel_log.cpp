// SPDX-License-Identifier: GPL-2.0-only
#include "harness/kernel_log.hpp"

#include "harness/backend.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <span>
#include <unistd.h>
#include <userfault/fd.hpp>

namespace selftests {

namespace {

constexpr std::array wrong = {
#define CRASH(text) text,
#define WRONG(text) text,
#define HARMLESS(text)
#define OURS(text)
#define EXPECTED(text)
#include "harness/kernel_log.def"
};

constexpr std::array harmless = {
#define CRASH(text)
#define WRONG(text)
#define HARMLESS(text) text,
#define OURS(text)
#define EXPECTED(text)
#include "harness/kernel_log.def"
};

constexpr std::array ours = {
#define CRASH(text)
#define WRONG(text)
#define HARMLESS(text)
#define OURS(text) text,
#define EXPECTED(text)
#include "harness/kernel_log.def"
};

constexpr std::array expected = {
#define CRASH(text)
#define WRONG(text)
#define HARMLESS(text)
#define OURS(text)
#define EXPECTED(text) text,
#include "harness/kernel_log.def"
};

/* How the kernel names the functions of userfault.ko and of userfault_kunit.ko */
constexpr std::string_view of_the_module = " [userfault";

constexpr auto read_to_here = "userfault selftests: the log has been read to here";
constexpr auto overwritten = "records of the kernel log were overwritten before they were read";

bool has_any_of(const auto &words, std::string_view text)
{
	return std::ranges::any_of(
		words, [&](std::string_view word) { return text.find(word) != text.npos; });
}

bool is_of_others(std::string_view text)
{
	return has_any_of(ours, text) && !text.contains(of_the_module);
}

bool tells_of_something_wrong(std::string_view text)
{
	return has_any_of(wrong, text) && !has_any_of(harmless, text) && !is_of_others(text);
}

/*
 * On a kernel with DEBUG_VM, native userfaultfd prints a stack trace when its caller can't wait for
 * a fault. Some tests use such callers, so that is no complaint. The module prints nothing there.
 */
constexpr std::string_view native_shows_caller = "FAULT_FLAG_ALLOW_RETRY missing";
constexpr std::string_view end_of_trace = " </TASK>";

bool is_of_trace(std::string_view line)
{
	return line.starts_with("Call Trace:") || line.starts_with(' ');
}

/*
 * How many lines from a complaint on are its report: one if no stack trace follows soon. A warning
 * goes on for some lines after that.
 */
std::size_t length_of_report(std::span<const std::string> lines)
{
	constexpr std::size_t longest = 100, rest = 12;
	const auto end = [&](std::size_t from, std::size_t most, std::string_view text) {
		const auto some = lines.subspan(from, std::min(lines.size() - from, most));
		const auto last = std::ranges::find_if(
			some, [&](const auto &line) { return line.starts_with(text); });
		return last == some.end()
			       ? from
			       : from + static_cast<std::size_t>(last - some.begin()) + 1;
	};

	return end(std::max<std::size_t>(end(0, longest, end_of_trace), 1), rest,
		   "---[ end trace ");
}

/*
 * Natively pages in swap stay protected as they are moved to where nothing is, and become writable
 * all the same when they come back. A kernel with PAGE_TABLE_CHECK notices.
 */
bool is_of_moved_protection(std::span<const std::string> report)
{
	return report.front().contains("__page_table_check_pte") &&
	       std::ranges::any_of(
		       report, [](const auto &line) { return line.starts_with(" do_swap_page+"); });
}

/* Each with its report. */
std::vector<std::string> complaints_of(std::span<const std::string> lines, bool native)
{
	std::vector<std::string> complaints;
	bool trace_is_expected = false;

	while (!lines.empty()) {
		const auto &line = lines.front();
		std::size_t read = 1;

		if (has_any_of(expected, line) || (native && line.starts_with(native_shows_caller)))
			trace_is_expected = true;
		if (line == end_of_trace)
			trace_is_expected = false;
		if (!(trace_is_expected && is_of_trace(line)) &&
		    (line == overwritten || tells_of_something_wrong(line))) {
			read = length_of_report(lines);
			const auto report = lines.first(read);
			if (!(native && is_of_moved_protection(report)))
				complaints.insert(complaints.end(), report.begin(), report.end());
			if (read > 1)
				trace_is_expected = false; /* the report has the end of its trace */
		}
		lines = lines.subspan(read);
	}
	return complaints;
}

/* A record is "prefix;text\n", followed by " KEY=value\n" lines, which are ignored here. */
std::string_view text_of(std::string_view record)
{
	const auto start = record.find(';');

	if (start == record.npos)
		return {};
	record.remove_prefix(start + 1);
	return record.substr(0, record.find('\n'));
}

/* Drops the lines that an earlier reader has seen. */
void add_line(std::vector<std::string> &lines, std::string_view line)
{
	if (line == read_to_here)
		lines.clear();
	else
		lines.emplace_back(line);
}

} // namespace

KernelLog::KernelLog() : fd_(::open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC)) {}

KernelLog::~KernelLog()
{
	if (fd_ >= 0)
		::close(fd_);
}

void KernelLog::mark(std::string_view text)
{
	/* A new descriptor each time: the kernel counts what is written by each, and limits it. */
	const userfault::Fd log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
	const std::string line = "<7>" + std::string(text) + '\n';

	if (::write(log.get(), line.data(), line.size()) < 0)
		return; /* a missing marker only makes the log harder to read */
}

void KernelLog::skip()
{
	::lseek(fd_, 0, SEEK_END);
}

std::vector<std::string> KernelLog::new_lines()
{
	std::vector<std::string> lines;
	std::array<char, 8192> record;

	while (fd_ >= 0) {
		const ssize_t size = ::read(fd_, record.data(), record.size());

		if (size >= 0)
			add_line(lines, text_of({record.data(), static_cast<size_t>(size)}));
		else if (errno == EPIPE)
			lines.emplace_back(overwritten);
		else if (errno != EINTR)
			break;
	}
	return lines;
}

std::vector<std::string> KernelLog::complaints()
{
	return complaints_of(new_lines(), backend_under_test() == Backend::native);
}

std::vector<std::string> KernelLog::complaints_of_either_backend()
{
	return complaints_of(new_lines(), true);
}

std::vector<std::string> KernelLog::last_complaints()
{
	auto lines = complaints();

	mark(read_to_here);
	return lines;
}

bool KernelLog::has(std::string_view part)
{
	const auto lines = new_lines();

	return std::any_of(lines.begin(), lines.end(),
			   [&](const std::string &line) { return line.find(part) != line.npos; });
}

} // namespace selftests
