/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_ROUND_HPP
#define SELFTESTS_TORTURE_ROUND_HPP

#include "torture/actor.hpp"
#include "torture/group.hpp"
#include "torture/world.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace torture {

struct Settings {
	std::uint64_t seed = 1;
	unsigned number = 0;   /* of the round */
	unsigned steps = 150;  /* of each actor, on a stock kernel */
	bool native = false;   /* all worlds are on native userfaultfd */
	unsigned patience = 1; /* how much slower the kernel is than a stock one */

	/* Fewer on a slow kernel: so rounds take about as long there. */
	unsigned steps_of_round() const { return steps / patience; }
};

/*
 * What each actor of a round does, as far as the seed says: a line for each step. The monitors do
 * what the others' faults make them do. The boss goes on until all others are done, and the worlds
 * that it kills begin anew.
 */
std::vector<std::string> planned(const Settings &settings);

/* A world as it is seen from outside. */
struct Member {
	explicit Member(Plan plan);

	Plan plan;
	Group group;
	World view;	   /* its contexts, if its monitors are outside */
	pid_t subject = 0; /* 0: it has ended */
	pid_t monitor = 0;
	std::uint64_t oom_kills = 0; /* in the group, before this subject began */

	std::uint64_t count_oom_kills() const { return group.field("memory.events", "oom_kill"); }
};

/* All worlds of a round, and the boss, who runs in the process that this is in. */
class Round {
public:
	explicit Round(const Settings &settings);

	/* Returns the exit status. */
	int run();

	/* For the boss's operations. */
	Member &some_member(Random &random) { return *members_[random.below(members_.size())]; }
	/* Ends it, and starts one that takes over; false if it has none of its own. */
	bool kill_monitor(Member &member);
	/* Ends the whole world, and starts a new one; false if it has ended already. */
	bool kill_subject(Member &member);

private:
	void start(Member &member);
	void restart(Member &member);
	void start_monitor(Member &member);
	void reap();
	void reaped(Member &member, pid_t pid, int status);
	bool all_have_ended() const;
	void end(pid_t &pid);
	void end_all();

	Settings settings_;
	std::uint64_t seed_;
	std::vector<std::unique_ptr<Member>> members_;
};

} // namespace torture

#endif
