// SPDX-License-Identifier: GPL-2.0-only
/* The one place that holds Catch2's own code and knows how it finds and runs test cases. */
#define CATCH_CONFIG_RUNNER
#define CATCH_CONFIG_NO_POSIX_SIGNALS
#include <catch2/catch.hpp>

#include "harness/cases.hpp"
#include "harness/ktap.hpp"
#include "harness/notes.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <unistd.h>

namespace selftests {

namespace {

const std::array<std::string, 2> hidden_kinds{"runner", "nightly"};

std::string place(const Catch::SourceLineInfo &line)
{
	const std::string file = line.file;

	return file.substr(file.rfind('/') + 1) + ':' + std::to_string(line.line);
}

bool goes_on_after(const Catch::AssertionResult &result)
{
	return result.m_info.resultDisposition & Catch::ResultDisposition::ContinueOnFailure;
}

/* Without unwinding: that would wait for threads that wait in faults. */
[[noreturn]] void end_test()
{
	std::cout.flush();
	::_exit(static_cast<int>(ExitCode::fail));
}

/* Prints only what fails, and tells the supervisor which place the test has reached. */
class FailureReporter : public Catch::TestEventListenerBase {
public:
	using TestEventListenerBase::TestEventListenerBase;

	void assertionStarting(const Catch::AssertionInfo &info) override
	{
		if (auto *notes = Notes::current())
			notes->reached(place(info.lineInfo));
	}

	bool assertionEnded(const Catch::AssertionStats &stats) override
	{
		const auto &result = stats.assertionResult;

		if (result.isOk())
			return true;
		std::cout << place(result.getSourceInfo()) << ": ";
		if (result.hasExpression())
			std::cout << result.getExpressionInMacro() << " failed";
		if (result.hasExpandedExpression())
			std::cout << ": " << result.getExpandedExpression();
		if (result.hasMessage())
			std::cout << (result.hasExpression() ? ": " : "") << result.getMessage();
		std::cout << '\n';
		for (const auto &message : stats.infoMessages)
			if (message.message != result.getMessage())
				std::cout << "  where " << message.message << '\n';
		if (!goes_on_after(result))
			end_test();
		return true;
	}

	void sectionEnded(const Catch::SectionStats &stats) override
	{
		if (stats.missingAssertions)
			std::cout << place(stats.sectionInfo.lineInfo) << ": "
				  << stats.sectionInfo.name << ": nothing was asserted\n";
		TestEventListenerBase::sectionEnded(stats);
	}
};

std::shared_ptr<Catch::Config> config_for(const std::vector<std::string> &specs)
{
	Catch::ConfigData data;

	data.testsOrTags = specs;
	data.warnings = Catch::WarnAbout::NoAssertions;
	return std::make_shared<Catch::Config>(data);
}

bool has_tag(const Catch::TestCase &test, const std::string &tag)
{
	return std::find(test.lcaseTags.begin(), test.lcaseTags.end(), tag) != test.lcaseTags.end();
}

/*
 * Hidden tests, those of the runner and those that take too long, run only if a spec names their
 * kind, or one of them in full: "~[load]" is neither.
 */
bool is_meant(const Catch::TestCase &test, const std::vector<std::string> &specs)
{
	return !test.isHidden() || std::ranges::any_of(specs, [&](const std::string &spec) {
		return spec.find(test.name) != spec.npos ||
		       std::ranges::any_of(hidden_kinds, [&](const std::string &kind) {
			       return has_tag(test, kind) && spec.find(kind) != spec.npos;
		       });
	});
}

} // namespace

std::vector<Case> select_cases(Backend backend, const std::vector<std::string> &specs)
{
	const auto config = config_for(specs);
	const auto other = name_of(backend == Backend::module ? Backend::native : Backend::module);
	const auto matching = Catch::filterTests(Catch::getAllTestCasesSorted(*config),
						 config->testSpec(), *config);
	std::vector<Case> cases;

	for (const auto &test : matching)
		if (!has_tag(test, other) && is_meant(test, specs))
			cases.push_back({test.name, has_tag(test, "slow"), has_tag(test, "load"),
					 has_tag(test, "kvm")});
	return cases;
}

bool run_case(const std::string &name)
{
	const auto config = config_for({});
	const auto &tests = Catch::getAllTestCasesSorted(*config);
	const auto test = std::find_if(tests.begin(), tests.end(),
				       [&](const auto &each) { return each.name == name; });
	Catch::RunContext context(config,
				  std::make_unique<FailureReporter>(Catch::ReporterConfig(config)));

	return test != tests.end() && context.runTest(*test).assertions.allOk();
}

} // namespace selftests
