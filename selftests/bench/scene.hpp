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

/* Something to measure again and again, set up with one backend. */
class Scene {
public:
	virtual ~Scene() = default;

	/*
	 * Does it a number of times, and returns how many instructions each time took. Getting
	 * ready for the next time isn't counted.
	 */
	virtual double measure() = 0;
};

/* The module's target: it may take at most @factor times what something else takes. */
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
	/* The features that it needs. If native doesn't have them, nothing is compared. */
	userfault::Features needs = userfault::Features::None;
	/*
	 * Made before the scene, in another process. By default that process has a context, so that
	 * the module neither takes over nor gives back mm's functions during a measurement.
	 */
	std::function<std::unique_ptr<Surroundings>(Backend)> around = [](Backend) {
		return with_context_elsewhere();
	};
};

/* A list of subjects for each theme. */
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
