/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_MONITOR_HPP
#define SELFTESTS_TORTURE_MONITOR_HPP

#include "torture/actor.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace torture {

/*
 * Reads the contexts of a world, and answers all faults. Several may do so at once, in the process
 * whose memory it is or in another one, which may be killed at any moment.
 */
class Monitor {
public:
	Monitor(World &world, unsigned number, std::uint64_t seed);

	/* Until nobody faults any more. */
	void serve();

private:
	/* A fault that is answered later, and out of order. */
	struct PutAside {
		Arena *arena;
		userfault::Fault fault;
	};

	void take_over();
	bool read_all();
	void read_one(Arena &arena);
	std::optional<userfault::Message> hear(const Arena &arena);
	void handle(Arena &arena, userfault::Message &message);
	void answer_aside();

	World &world_;
	unsigned number_;
	Actor actor_;
	std::vector<PutAside> aside_;
	/* The contexts of the last children. */
	std::deque<std::unique_ptr<Arena>> children_;
};

} // namespace torture

#endif
