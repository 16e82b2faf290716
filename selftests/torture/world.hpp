/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_WORLD_HPP
#define SELFTESTS_TORTURE_WORLD_HPP

#include "torture/actor.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace torture {

/* What a world is made of. Its actors are numbered from first_actor on. */
struct Plan {
	unsigned number;
	std::string device;
	bool inside;
	unsigned touchers, changers, trackers, monitors;
	unsigned steps;

	unsigned first_actor() const { return number * actors_each; }
	unsigned first_monitor() const { return first_actor() + touchers + changers + trackers; }

	/* All but the monitors: the role and the number of each. */
	std::vector<std::pair<Role, unsigned>> actors() const;
};

inline constexpr unsigned boss_number = most_actors - 1;

/* Makes the arenas, in the process whose memory they are. */
World make_world(const Plan &plan);

/*
 * The process whose memory it is: runs all actors, and the monitors if they are inside; sends its
 * contexts to @socket before, if they are not. Returns the exit status.
 */
int run_subject(const Plan &plan, std::uint64_t seed, int socket);

/* Receives the contexts of a world from its subject; false if that has ended before. */
bool receive_world(const Plan &plan, int socket, World &world);

/* A process of monitors outside of the world. */
int run_monitors(const Plan &plan, std::uint64_t seed, World &world);

} // namespace torture

#endif
