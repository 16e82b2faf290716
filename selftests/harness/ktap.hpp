/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KTAP_HPP
#define SELFTESTS_KTAP_HPP

#include <cstdio>
#include <string>
#include <string_view>

namespace selftests {

/* kselftest's exit codes. */
enum class ExitCode { pass = 0, fail = 1, skip = 4 };

/*
 * Writes a KTAP version 1 report, and flushes each line: what was reported survives if the kernel
 * crashes in the next test. Not thread-safe.
 */
class Ktap {
public:
	explicit Ktap(std::FILE *out) : out_(out) {}

	void plan(std::size_t tests);
	void comment(std::string_view text);
	void pass(std::string_view name);
	void fail(std::string_view name, std::string_view why);
	void skip(std::string_view name, std::string_view why);
	/* Writes the totals as kselftest does; returns the exit code for the program. */
	ExitCode finish();

private:
	void line(std::string_view text);
	void result(std::string_view verdict, std::string_view name, std::string_view directive);

	std::FILE *out_;
	unsigned passed_ = 0, failed_ = 0, skipped_ = 0;
};

} // namespace selftests

#endif
