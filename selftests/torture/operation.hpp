/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_OPERATION_HPP
#define SELFTESTS_TORTURE_OPERATION_HPP

#include "torture/arena.hpp"
#include "torture/outcome.hpp"
#include "torture/random.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace torture {

class Actor;

/* Which actors do it. */
enum class Role : std::uint8_t {
	toucher, /* accesses memory, and checks what it finds */
	changer, /* changes the mappings and pages of its own process */
	tracker, /* protects pages, and looks whether the protection holds */
	monitor, /* answers a fault */
	boss,	 /* is outside of all worlds, and may kill and freeze them */
};

/* Which faults a monitor answers with it. */
enum Faults : std::uint8_t { no_fault = 0, missing = 1, minor = 2, written = 4, accessed = 8 };

/*
 * Something that an actor does again and again. A new one is a function and a row, in the file of
 * operations of its kind.
 */
struct Operation {
	const char *name;
	Role role;
	unsigned weight; /* how often it is drawn, beside the others of its role */
	Traits needs;	 /* of the arena that it is done on */
	Outcome (*run)(Actor &actor);
	std::vector<Outcome> must; /* outcomes that have to happen, if it is tried often enough */
	std::vector<Outcome> may;  /* further outcomes that are right; any other one is wrong */
	std::uint8_t faults = no_fault;
	bool (*fits)(Actor &actor) = nullptr; /* for this very page, for example */
	unsigned enough = 100; /* times that it is tried, after which all of @must has happened */
	bool machine = false;  /* it does something to the whole machine */
	/* For a monitor's: what the backend has to offer for it. */
	userfault::Features features = userfault::Features::None;
};

/* All operations of all kinds, in an order that doesn't change from run to run. */
const std::vector<Operation> &operations();

/* A step of an actor: which operation, on which kind of arena, on which page. */
struct Step {
	std::size_t operation, kind, page;
};

/*
 * Draws a step. It may be of an arena that the world lacks: so a kernel's features don't change
 * what comes after.
 */
Step draw_step(Role role, Random &random);

/* The sequence of an actor's steps, and of what it draws in each of them. */
inline Random actor_random(std::uint64_t seed, unsigned actor, std::uint32_t step)
{
	return Random(Random(seed, actor).next(), step);
}

/* The operations of one kind, in the file of that name. */
extern const std::vector<Operation> touching, answering, advising, mapping, protecting, forking,
	killing, passing, placing, ruling, watching, lying;

/* What Shared::lie is for the lie of that name; 0 if there is none. */
unsigned lie_of(std::string_view name);
/* Whether this run tells that lie. */
bool is_told(std::string_view lie);

} // namespace torture

#endif
