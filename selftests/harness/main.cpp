// SPDX-License-Identifier: GPL-2.0-only
/*
 * userfault's selftests: runs every test of the ABI against this project's module or against the
 * kernel's own userfaultfd, and reports in KTAP. The exit code is kselftest's: 1 if a test failed,
 * else 0 if a test passed, else 4.
 */
#include "errno/record.hpp"
#include "harness/aftermath.hpp"
#include "harness/backend.hpp"
#include "harness/cases.hpp"
#include "harness/harness.hpp"
#include "harness/ktap.hpp"
#include "harness/loaded_module.hpp"
#include "harness/supervisor.hpp"
#include "lib/offer.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <getopt.h>
#include <iostream>
#include <optional>
#include <string_view>
#include <unistd.h>

using namespace selftests;

namespace {

constexpr auto usage =
	"usage: selftests [--backend module|native] [--timeout SECONDS] [--part I/N] [--list]\n"
	"                 [--stop] [--record FILE] [TEST]...\n"
	"       selftests [--backend module|native] --offer\n"
	"       selftests --aftermath\n"
	"\n"
	"  TEST       a test's name, a part of one with *, or a [tag], as Catch2 takes it\n"
	"  --backend  what to test: /dev/userfault (module, the default) or /dev/userfaultfd\n"
	"  --timeout  how long a test may take, 30 by default; a [slow] one four times as long\n"
	"  --part     run only the Ith of N shares of these tests, so that N machines can share them\n"
	"  --list     only print the names of the tests\n"
	"  --stop     end after the first test that fails\n"
	"  --record   have [errno] tests write their answers to FILE instead of comparing them\n"
	"  --offer    run no test; print what the backend offers on this kernel: for each row of\n"
	"             Documentation/features.rst a line of four words with tabs between them\n"
	"  --aftermath  run no test; check what other programs have left in the kernel: complaints "
	"in\n"
	"             its log that no run of tests has reported, and leaked memory\n";

/* One of so many shares. */
struct Part {
	std::size_t index = 0, count = 1;

	/*
	 * The tests are dealt out forth and back: neighbours have much in common, and the one of
	 * two that takes longer is often the same one.
	 */
	bool has(std::size_t test) const
	{
		const auto turn = test % (2 * count);

		return index == (turn < count ? turn : 2 * count - 1 - turn);
	}
};

struct Options {
	Backend backend = Backend::module;
	std::chrono::seconds time_limit{30};
	Part part;
	std::string record;
	bool list = false;
	bool stop = false;
	bool offer = false;
	bool aftermath = false;
	bool help = false;
	std::vector<std::string> specs;
};

/* A positive number, and nothing else. */
std::optional<int> number_from(std::string_view text)
{
	const char *end = text.data() + text.size();
	int value;
	const auto result = std::from_chars(text.data(), end, value);

	if (result.ec != std::errc() || result.ptr != end || value <= 0)
		return std::nullopt;
	return value;
}

std::optional<std::chrono::seconds> seconds_from(std::string_view text)
{
	return number_from(text).transform([](int value) { return std::chrono::seconds(value); });
}

/* I/N */
std::optional<Part> part_from(std::string_view text)
{
	const auto slash = std::min(text.find('/'), text.size());
	const auto index = number_from(text.substr(0, slash));
	const auto count = number_from(text.substr(std::min(slash + 1, text.size())));

	if (!index || !count || *index > *count)
		return std::nullopt;
	return Part{static_cast<std::size_t>(*index - 1), static_cast<std::size_t>(*count)};
}

/* Nothing if the command line is wrong. */
std::optional<Options> options_from(int argc, char **argv)
{
	static const option known[] = {
		{"backend", required_argument, nullptr, 'b'},
		{"timeout", required_argument, nullptr, 't'},
		{"part", required_argument, nullptr, 'p'},
		{"list", no_argument, nullptr, 'l'},
		{"stop", no_argument, nullptr, 's'},
		{"record", required_argument, nullptr, 'r'},
		{"offer", no_argument, nullptr, 'o'},
		{"aftermath", no_argument, nullptr, 'a'},
		{"help", no_argument, nullptr, 'h'},
		{},
	};
	Options options;

	for (int key; (key = ::getopt_long(argc, argv, "b:t:p:r:lsoah", known, nullptr)) != -1;) {
		const auto backend = key == 'b' ? backend_named(optarg) : options.backend;
		const auto limit = key == 't' ? seconds_from(optarg) : options.time_limit;
		const auto part = key == 'p' ? part_from(optarg) : options.part;

		if (key == '?' || !backend || !limit || !part)
			return std::nullopt;
		options.backend = *backend;
		options.time_limit = *limit;
		options.part = *part;
		if (key == 'r')
			options.record = optarg;
		options.list |= key == 'l';
		options.stop |= key == 's';
		options.offer |= key == 'o';
		options.aftermath |= key == 'a';
		options.help |= key == 'h';
	}
	options.specs.assign(argv + optind, argv + argc);
	return options;
}

std::vector<Case> selected(const Options &options)
{
	const auto all = select_cases(options.backend, options.specs);
	std::vector<Case> cases;

	for (std::size_t i = 0; i < all.size(); i++)
		if (options.part.has(i))
			cases.push_back(all[i]);
	return cases;
}

ExitCode run_all(const Options &options, const std::vector<Case> &cases)
{
	const Kmemleak kmemleak;
	Ktap report(stdout);

	/* Supervisor::finish() and judge_leaks() report one result each. */
	report.plan(cases.size() + 1 + (kmemleak.available() ? 1 : 0));
	report.comment("backend: " + name_of(options.backend) + ", " + device_of(options.backend));
	Supervisor supervisor(report, options.time_limit, kmemleak.available());
	for (const auto &test : cases) {
		if (options.backend == Backend::module && !module_is_loaded("userfault")) {
			report.comment("the module is not loaded: loading it");
			load_module(module_file);
		}
		if (!supervisor.run(test) && options.stop)
			return report.finish();
	}
	supervisor.finish();
	if (kmemleak.available())
		judge_leaks(kmemleak, report);
	return report.finish();
}

ExitCode print_offer(Backend backend)
{
	for (const auto &[subject, name, answer] : offer())
		std::cout << name_of(backend) << '\t' << subject << '\t' << name << '\t' << answer
			  << '\n';
	return ExitCode::pass;
}

ExitCode run(const Options &options)
{
	if (options.aftermath) {
		Ktap report(stdout);
		return report_aftermath(report);
	}
	set_backend_under_test(options.backend);
	wait_limit = options.time_limit * 2 / 3; /* what is awaited in vain is to be named */
	if (options.offer)
		return print_offer(options.backend);
	const auto cases = selected(options);

	if (cases.empty()) {
		std::cerr << "selftests: this selects no test; --list prints the names of all\n";
		return options.list ? ExitCode::pass : ExitCode::fail;
	}
	if (!options.record.empty())
		record_to(options.record);
	if (!options.list)
		return run_all(options, cases);
	for (const auto &test : cases)
		std::cout << test.name << '\n';
	return ExitCode::pass;
}

} // namespace

int main(int argc, char **argv)
try {
	const auto options = options_from(argc, argv);

	if (!options || options->help) {
		(options ? std::cout : std::cerr) << usage;
		return static_cast<int>(options ? ExitCode::pass : ExitCode::fail);
	}
	return static_cast<int>(run(*options));
} catch (const std::exception &error) {
	std::cerr << "selftests: " << error.what() << '\n';
	return static_cast<int>(ExitCode::fail);
}
