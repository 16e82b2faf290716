/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MEMORY_GROUP_HPP
#define SELFTESTS_MEMORY_GROUP_HPP

#include "lib/control_group.hpp"

#include <cstddef>
#include <string>
#include <sys/types.h>

namespace selftests {

/* A control group whose memory is counted and can be limited. */
class MemoryGroup {
public:
	MemoryGroup() : group_("memory") {}

	/* Makes process @pid a member: memory that it takes from now on is charged to the group. */
	void add(pid_t pid) const { group_.add(pid); }

	/* Asks the kernel to reclaim @bytes from the group, as if memory were short. */
	void reclaim(std::size_t bytes) const;

	/* From now on the group can get at most @bytes more than it has. */
	void limit(std::size_t bytes) const;

	/* If the kernel kills a process because the group has no more memory, it kills all. */
	void kill_together() const;

	/* What is charged to the group now. */
	std::size_t bytes() const;

	/* A field of its memory.stat or memory.events: "shmem", "oom_kill". */
	std::size_t field(const std::string &file, const std::string &name) const;

private:
	ControlGroup group_;
};

} // namespace selftests

#endif
