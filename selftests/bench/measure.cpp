// SPDX-License-Identifier: GPL-2.0-only
#include "measure.hpp"

#include "clock.hpp"
#include "median.hpp"
#include "memory.hpp"
#include "quiet.hpp"
#include "scene.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <sys/utsname.h>

namespace bench {

namespace {

constexpr int warm_ups = 10;
constexpr int samples = 21;

double sample(Scene &scene)
{
	wait_until_quiet();
	return scene.measure();
}

/* The module's and native's median; measured in turns, so that they find the same machine. */
std::array<double, 2> compare(const Subject &subject)
{
	const auto module = subject.make(Backend::module), native = subject.make(Backend::native);
	std::vector<double> of_module, of_native;

	for (int i = 0; i < warm_ups + samples; i++) {
		const double a = sample(*module), b = sample(*native);

		if (i >= warm_ups) {
			of_module.push_back(a);
			of_native.push_back(b);
		}
	}
	return {median(of_module), median(of_native)};
}

std::string in_words(const Target &target)
{
	std::ostringstream text;

	text << target.factor << " × " << target.of;
	return text.str();
}

/* What the target refers to: native, or one of the figures before. */
double reference(const Target &target, double native, std::span<const Figure> before)
{
	if (target.of == "native")
		return native;

	const auto figure = std::ranges::find(before, target.of, &Figure::name);

	if (figure == before.end())
		throw std::runtime_error("measure also what it is held against: " + target.of);
	return figure->module;
}

Figure figure(const Subject &subject, std::span<const Figure> before)
{
	const auto [module, native] = compare(subject);
	const double limit = subject.target.factor * reference(subject.target, native, before);

	return {subject.name, subject.unit, module, native, limit, in_words(subject.target)};
}

std::vector<Subject> all_subjects()
{
	std::vector<Subject> all;

	for (const auto &theme : {context_subjects, registration_subjects, fill_subjects, fault_subjects, wake_subjects})
		std::ranges::move(theme(), std::back_inserter(all));
	return all;
}

std::string running_kernel()
{
	utsname name;

	::uname(&name);
	return name.release;
}

} // namespace

Results measure(std::span<const std::string> parts)
{
	Results results{running_kernel(), {}};
	const auto wanted = [&](const std::string &name) {
		return parts.empty() || std::ranges::any_of(parts, [&](const auto &part) {
			return name.contains(part);
		});
	};

	Stopwatch::calibrate();
	become_undisturbed();
	for (const auto &subject : all_subjects()) {
		if (wanted(subject.name)) {
			std::cerr << "bench: " << subject.name << std::endl;
			results.figures.push_back(figure(subject, results.figures));
		}
	}
	if (wanted("memory"))
		std::ranges::move(measure_memory(), std::back_inserter(results.figures));
	return results;
}

} // namespace bench
