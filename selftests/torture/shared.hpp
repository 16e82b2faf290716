/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_SHARED_HPP
#define SELFTESTS_TORTURE_SHARED_HPP

#include "torture/ledger.hpp"
#include "torture/tally.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <sys/types.h>

namespace torture {

inline constexpr std::size_t most_worlds = 4, most_arenas = 27, most_pages = 1024, most_actors = 64;
inline constexpr unsigned actors_each = 15; /* of each world */

/* What an actor does now, for whoever wonders why it doesn't get on. */
struct ActorState {
	std::atomic<pid_t> process = 0, thread = 0;
	std::atomic<std::uint32_t> step = 0, operation = 0;
	std::atomic<std::uint64_t> since =
		0; /* seconds_now() when the step began, or got on; 0: it is done */
};

/* What a child found, which can't tell it by itself. */
struct ChildReport {
	Verdict verdict = Verdict::right;
	bool signal = false;	  /* or it got one, for which there is no reason */
	bool unprotected = false; /* or the page is no longer protected */
	std::size_t page = 0;
	Reading reading;
};

/* Two children that kill each other. */
using Rivals = std::array<std::atomic<pid_t>, 2>;

enum class EventKind : std::uint8_t { remap, remove, unmap };
inline constexpr std::size_t event_kinds = 3;

/* A change of mappings that an actor makes now, see telling.hpp. */
struct Announcement {
	std::atomic<bool> open = false;
	std::atomic<std::uint32_t> arena = 0;
	std::atomic<std::uint64_t> start = 0, end = 0, to = 0;
	/* For each kind of event: whether one may tell of it, and of which pages one has. */
	std::array<std::atomic<bool>, event_kinds> may{};
	std::array<std::atomic<std::uint64_t>, event_kinds> told{};
};

struct WorldState {
	/* The monitors have to end: nobody faults any more. */
	std::atomic<bool> monitors_end = false;
	/* How many monitors there have been: one that follows another has to take over from it. */
	std::atomic<std::uint32_t> monitor_lives = 0;
	std::atomic<pid_t> subject = 0, monitor = 0;
	/* The process has been killed by somebody of its world, and the boss starts another one. */
	std::atomic<bool> subject_killed = false;
	/* The monitor is killed, and no other has begun yet. */
	std::atomic<bool> monitor_killed = false;
	std::array<std::array<PageEntry, most_pages>, most_arenas> pages;
	/* By the number of the changer, and of the monitor, in its world. */
	std::array<Announcement, actors_each> announcements;
	std::array<std::atomic<std::uint32_t>, actors_each> hearings{};
	/* Signals that have met a thread while it accessed memory. */
	std::atomic<std::uint32_t> signals = 0;
};

/* The memory that all processes of the run share. It is never registered. */
struct Shared {
	/* Of the worlds that are tortured, and of the one on native userfaultfd beside them. */
	Tally tally, beside;
	std::atomic<std::uint64_t> operations = 0, faults = 0;
	/* The round has to end, because the time is over or something is wrong. */
	std::atomic<bool> stopping = false;
	std::atomic<bool> failed = false;
	/* The machine is not ours: only processes of our own may be tortured. */
	std::atomic<bool> gentle = false;
	/* The monitors tell this lie; 0: none. */
	std::atomic<unsigned> lie = 0;
	std::array<ActorState, most_actors> actors;
	std::array<ChildReport, most_actors> reports;
	std::array<Rivals, most_actors> rivals{};
	std::array<WorldState, most_worlds> worlds;
	/* How often each world has begun in this round. */
	std::array<std::atomic<std::uint32_t>, most_worlds> subject_lives{};
};

Shared &shared();

/* Makes the ledgers and states those of a new round, or of one world that begins anew. */
void reset_round();
void reset_world(unsigned world);

/* Something is wrong: prints it, and ends the run as failed. It returns, so that all can end. */
void fail(std::string_view what);

/* Seconds that never go back. */
std::uint64_t seconds_now();

} // namespace torture

#endif
