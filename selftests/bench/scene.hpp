/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_SCENE_HPP
#define BENCH_SCENE_HPP

#include "backend.hpp"
#include "surroundings.hpp"

#include <userfault/flags.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/* Something to be measured, set up with one backend and ready to be done again and again. */
class Scene {
public:
	virtual ~Scene() = default;

	/*
	 * Does it, a number of times, and returns how many instructions each took. What it takes to
	 * be ready for the next time isn't counted.
	 */
	virtual double measure() = 0;
};

/* What the module is to reach: at most so many times what something else takes. */
struct Target {
	static constexpr auto native = "native";
	static constexpr auto without = "without the module";

	double factor = 1.0;
	std::string of = native; /* one of these, or another subject's name */
};

struct Subject {
	std::string name;
	std::string unit; /* what is counted: instructions per page, per call… */
	std::function<std::unique_ptr<Scene>(Backend)> make;
	Target target = {};
	/* What it needs; where native hasn't it, there is nothing to compare with. */
	userfault::Features needs = userfault::Features::None;
	/*
	 * Made before, in another process. If not said otherwise one has a context, so that mm's
	 * functions aren't taken or given back while something is measured.
	 */
	std::function<std::unique_ptr<Surroundings>(Backend)> around = [](Backend) {
		return with_context_elsewhere();
	};
};

/* One list a theme. */
std::vector<Subject> context_subjects();
std::vector<Subject> registration_subjects();
std::vector<Subject> fill_subjects();
std::vector<Subject> fault_subjects();
std::vector<Subject> wake_subjects();
std::vector<Subject> protection_subjects();
std::vector<Subject> move_subjects();
std::vector<Subject> fork_subjects();
std::vector<Subject> bystander_subjects();

} // namespace bench

#endif
