// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark: this project's module beside native userfaultfd, in executed instructions. "make
 * bench" does everything: it runs "bench measure" in a VM, and reports the results outside of it.
 *
 * The VM has one processor, whose clock counts the instructions that it executes, so that figures
 * repeat whatever else the machine does. Each subject is measured with both backends in one boot,
 * in turns, in an address space that looks the same (child.hpp), while nothing else wants the
 * processor (quiet.hpp).
 */
#include "measure.hpp"
#include "report.hpp"

#include <exception>
#include <fstream>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

using namespace bench;

namespace {

constexpr auto usage =
	"usage: bench measure [PART]...\n"
	"       bench report FILE\n"
	"       bench compare FILE FILE\n"
	"\n"
	"  measure   measure everything, or what has a PART in its name; only in a VM of\n"
	"            scripts/vm --icount; the results go to stdout, as JSON\n"
	"  report    print results as a table; fails if a target was missed\n"
	"  compare   print by how much two runs differ; fails if that is more than 0.3 %\n";

constexpr double repeatable = 0.003;

enum ExitCode { done = 0, missed = 1, misused = 2, failed = 3 };

Results results_in(const std::string &path)
{
	std::ifstream file(path);

	if (!file)
		throw std::runtime_error("can't read " + path + ": run make bench first");
	return read_json(file);
}

int run(const std::string &what, std::span<const std::string> arguments)
{
	if (what == "measure") {
		write_json(std::cout, measure(arguments));
		return done;
	}
	if (what == "report" && arguments.size() == 1)
		return print_table(std::cout, results_in(arguments[0])) ? done : missed;
	if (what == "compare" && arguments.size() == 2)
		return print_difference(std::cout, results_in(arguments[0]),
					results_in(arguments[1]), repeatable)
			       ? done
			       : missed;
	std::cerr << usage;
	return misused;
}

} // namespace

int main(int argc, char **argv)
try {
	const std::vector<std::string> arguments(argv + 1, argv + argc);

	return arguments.empty() ? run("", {}) : run(arguments[0], std::span(arguments).subspan(1));
} catch (const std::exception &error) {
	std::cerr << "bench: " << error.what() << '\n';
	return failed;
}
