// SPDX-License-Identifier: GPL-2.0-only
#include "measure.hpp"

#include "child.hpp"
#include "clock.hpp"
#include "context.hpp"
#include "failure.hpp"
#include "memory.hpp"
#include "quiet.hpp"
#include "scene.hpp"

#include <algorithm>
#include <iostream>
#include <numeric>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <sys/utsname.h>

namespace bench {

namespace {

constexpr int rounds = 3;
constexpr int warm_ups = 5; /* in each round */
constexpr int samples = 8;

template <class T> void append(std::vector<T> &all, const std::vector<T> &more)
{
	all.insert(all.end(), more.begin(), more.end());
}

/*
 * The mean of the middle half: rare disturbances don't count, and it matters little which of two
 * usual ways of execution happens to be more frequent.
 */
double typical(std::vector<double> values)
{
	const auto quarter = static_cast<std::ptrdiff_t>(values.size() / 4);

	std::ranges::sort(values);

	const std::span middle(values.begin() + quarter, values.end() - quarter);

	return std::reduce(middle.begin(), middle.end()) / static_cast<double>(middle.size());
}

/*
 * In a child, so that both backends find the same address space: walks depend on what it looks
 * like.
 */
std::vector<double> samples_of(const Subject &subject, Backend backend)
{
	const auto around = subject.around(backend);

	return in_child([&] {
		std::vector<double> values;

		become_undisturbed();

		const auto scene = subject.make(backend);

		for (int i = 0; i < warm_ups + samples; i++) {
			wait_until_quiet();
			values.push_back(scene->measure());
		}
		values.erase(values.begin(), values.begin() + warm_ups);
		return values;
	});
}

bool native_can(const Subject &subject)
{
	const userfault::Options options{.device = device_of(Backend::native)};
	const auto offered = checked(Context::probe(options), options.device).offered;

	return (offered & subject.needs) == subject.needs;
}

struct Comparison {
	double module;
	std::optional<double> native;
};

/* Measured in turns, so that both find the same kernel. */
Comparison compare(const Subject &subject)
{
	const bool both = native_can(subject);
	std::vector<double> of_module, of_native;

	for (int i = 0; i < rounds; i++) {
		append(of_module, samples_of(subject, Backend::module));
		if (both)
			append(of_native, samples_of(subject, Backend::native));
	}
	if (!both)
		return {typical(of_module), std::nullopt};
	return {typical(of_module), typical(of_native)};
}

std::string in_words(const Target &target)
{
	std::ostringstream text;

	text << target.factor << " × " << target.of;
	return text.str();
}

/* What the target is compared with: native's figure, or an earlier figure of the module. */
double reference(const Target &target, double other, std::span<const Figure> before)
{
	if (target.of == Target::native || target.of == Target::without)
		return other;

	const auto figure = std::ranges::find(before, target.of, &Figure::name);

	if (figure == before.end())
		throw std::runtime_error("also measure what its target refers to: " + target.of);
	return figure->module;
}

Figure figure(const Subject &subject, std::span<const Figure> before)
{
	const auto [module, native] = compare(subject);

	if (!native)
		return {subject.name, subject.unit, module, {}, {}, "native doesn't have it"};

	const double limit = subject.target.factor * reference(subject.target, *native, before);

	return {subject.name, subject.unit, module, native, limit, in_words(subject.target)};
}

std::vector<Subject> all_subjects()
{
	std::vector<Subject> all;

	for (const auto &theme :
	     {context_subjects, registration_subjects, fill_subjects, fault_subjects, wake_subjects,
	      protection_subjects, move_subjects, fork_subjects, bystander_subjects})
		append(all, theme());
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
		const auto in_name = [&](const auto &part) { return name.contains(part); };

		return parts.empty() || std::ranges::any_of(parts, in_name);
	};

	Stopwatch::calibrate();
	for (const auto &subject : all_subjects()) {
		if (wanted(subject.name)) {
			std::cerr << "bench: " << subject.name << std::endl;
			results.figures.push_back(figure(subject, results.figures));
		}
	}
	if (wanted("memory"))
		append(results.figures, measure_memory());
	if (results.figures.empty())
		throw std::runtime_error("no subject has such a name");
	return results;
}

} // namespace bench
