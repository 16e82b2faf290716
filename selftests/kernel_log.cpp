// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace selftests {

namespace {

constexpr std::array wrong = {
	"BUG:",
	"BUG at",
	"Bad page",
	"Bad rss-counter",
	"Call Trace:",
	"INFO: possible",
	"INFO: rcu",
	"INFO: task",
	"INFO: trying to register",
	"KASAN",
	"KCSAN",
	"KFENCE",
	"Objects remaining",
	"Oops",
	"Out of memory",
	"UBSAN",
	"WARNING:",
	"blocked for more than",
	"corruption",
	"general protection fault",
	"irq event stamp",
	"kmemleak",
	"leaked",
	"lockdep",
	"non-zero nr_ptes",
	"non-zero pgtables_bytes",
	"page allocation failure",
	"page_table_check",
	"rcu_sched",
	"refcount_t:",
	"scheduling while atomic",
	"soft lockup",
	"stack segment",
	"sleeping function called",
	"unable to handle",
};

bool tells_of_something_wrong(std::string_view text)
{
	return std::any_of(wrong.begin(), wrong.end(),
			   [&](std::string_view word) { return text.find(word) != text.npos; });
}

/* A record is "prefix;text\n", continued by " KEY=value\n" lines that are of no interest here. */
std::string_view text_of(std::string_view record)
{
	const auto start = record.find(';');

	if (start == record.npos)
		return {};
	record.remove_prefix(start + 1);
	return record.substr(0, record.find('\n'));
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
	if (fd_ < 0)
		return;
	::lseek(fd_, 0, SEEK_END);
	const std::string line = std::string(text) + '\n';
	if (::write(fd_, line.data(), line.size()) < 0)
		return; /* a marker that is missing only makes the log harder to read */
}

std::vector<std::string> KernelLog::complaints()
{
	std::vector<std::string> found;
	std::array<char, 8192> record;

	while (fd_ >= 0) {
		const ssize_t size = ::read(fd_, record.data(), record.size());

		if (size >= 0) {
			const auto text = text_of({record.data(), static_cast<size_t>(size)});
			if (tells_of_something_wrong(text))
				found.emplace_back(text);
		} else if (errno == EPIPE) {
			found.emplace_back("records were overwritten before they were read");
		} else if (errno != EINTR) {
			break;
		}
	}
	return found;
}

} // namespace selftests
