// SPDX-License-Identifier: GPL-2.0-only
#include "harness/ktap.hpp"

namespace selftests {

void Ktap::line(std::string_view text)
{
	std::fwrite(text.data(), 1, text.size(), out_);
	std::fputc('\n', out_);
	std::fflush(out_);
}

void Ktap::plan(std::size_t tests)
{
	line("KTAP version 1");
	line("1.." + std::to_string(tests));
}

void Ktap::comment(std::string_view text)
{
	line("# " + std::string(text));
}

void Ktap::result(std::string_view verdict, std::string_view name, std::string_view directive)
{
	const auto number = passed_ + failed_ + skipped_;
	std::string text{verdict};

	text += ' ' + std::to_string(number) + ' ';
	text += name;
	if (!directive.empty()) {
		text += " # ";
		text += directive;
	}
	line(text);
}

void Ktap::pass(std::string_view name)
{
	passed_++;
	result("ok", name, "");
}

void Ktap::fail(std::string_view name, std::string_view why)
{
	failed_++;
	result("not ok", name, why);
}

void Ktap::skip(std::string_view name, std::string_view why)
{
	skipped_++;
	result("ok", name, "SKIP " + std::string(why));
}

ExitCode Ktap::finish()
{
	comment("Totals: pass:" + std::to_string(passed_) + " fail:" + std::to_string(failed_) +
		" xfail:0 xpass:0 skip:" + std::to_string(skipped_) + " error:0");
	if (failed_)
		return ExitCode::fail;
	return passed_ ? ExitCode::pass : ExitCode::skip;
}

} // namespace selftests
