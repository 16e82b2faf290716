// SPDX-License-Identifier: GPL-2.0-only
#include "harness/aftermath.hpp"

#include "harness/kernel_log.hpp"

namespace selftests {

namespace {

constexpr auto log_test = "the kernel's log has no complaint";
constexpr auto leak_test = "the kernel has leaked no memory";

void judge_log(Ktap &report)
{
	KernelLog log;
	const auto complaints = log.complaints_of_either_backend();

	for (const auto &line : complaints)
		report.comment("kernel: " + line);
	if (!log.available())
		report.fail(log_test, "/dev/kmsg can't be opened");
	else if (!complaints.empty())
		report.fail(log_test, "kernel log: " + complaints.front());
	else
		report.pass(log_test);
}

} // namespace

void judge_leaks(const Kmemleak &kmemleak, Ktap &report)
{
	const auto said = kmemleak.report();

	for (const auto &line : said)
		report.comment(line);
	if (said.empty())
		report.pass(leak_test);
	else
		report.fail(leak_test,
			    "kmemleak: " + std::to_string(leaked_objects(said)) + " leaked");
}

ExitCode report_aftermath(Ktap &report)
{
	const Kmemleak kmemleak;

	report.plan(kmemleak.available() ? 2 : 1);
	judge_log(report);
	if (kmemleak.available())
		judge_leaks(kmemleak, report);
	return report.finish();
}

} // namespace selftests
