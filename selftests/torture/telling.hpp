/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_TELLING_HPP
#define SELFTESTS_TORTURE_TELLING_HPP

#include "torture/actor.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <userfault/message.hpp>

namespace torture {

/*
 * Events: what the monitors are told of a change, beside what the changer does.
 *
 * A changer announces its call before it makes it. A call that has events returns only when they
 * have been read, by a monitor that then looks for the announcement: there must be one that the
 * event fits. So an announcement has to last until then. Each monitor counts before it reads and
 * after it has looked: so when the call has returned, the changer waits until each monitor that is
 * between the two has counted again. After that no monitor looks for this announcement, and the
 * monitors have noted all events of the call. A monitor that is killed may have taken one along:
 * then nobody claims that it was told; and whoever waits for that monitor waits until another one
 * begins.
 *
 * Calls of others that overlap may tell of the same pages: what was noted may be theirs. So it is
 * noticed if an event tells of what nobody changes, or if nobody tells of a page that was changed.
 */
class Announced {
public:
	/* A range of an arena, at home or away, where it moves, and which events may tell of it. */
	struct Change {
		const Arena &arena;
		userfault::Range range;
		std::initializer_list<EventKind> kinds;
		userfault::Address to = 0;
	};

	Announced(WorldState &world, unsigned actor, const Change &change);
	~Announced();
	Announced(const Announced &) = delete;
	Announced &operator=(const Announced &) = delete;

	/*
	 * For a call that has succeeded, on memory that was registered, while nobody else could
	 * split it: fails the run if there is a page of which nobody was told.
	 */
	void check();

private:
	void settle();

	WorldState &world_;
	const Arena &arena_;
	Announcement &announcement_;
	std::uint64_t pages_; /* a bit for each */
	std::uint32_t lives_;
	bool all_live_;
	bool settled_ = false;
};

/* For a monitor: around reading a message, and looking for its announcement. */
class Hearing {
public:
	/*
	 * Once, when the monitor begins: another one that was killed may have left an odd count,
	 * and somebody may wait for it to change.
	 */
	static void begin(WorldState &world, unsigned actor);

	Hearing(WorldState &world, unsigned actor);
	~Hearing();
	Hearing(const Hearing &) = delete;
	Hearing &operator=(const Hearing &) = delete;

	/* Fails the run if the message is an event that no announcement explains. */
	void note(const Arena &arena, const userfault::Message &message);

private:
	WorldState &world_;
	std::atomic<std::uint32_t> &count_;
};

} // namespace torture

#endif
