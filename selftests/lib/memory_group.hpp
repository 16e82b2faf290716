/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MEMORY_GROUP_HPP
#define SELFTESTS_MEMORY_GROUP_HPP

#include <cstddef>
#include <string>
#include <sys/types.h>
#include <userfault/fd.hpp>

namespace selftests {

/*
 * A new memory cgroup, removed at the end of its life, when none of its processes may live any
 * more. Skips the test where there are no such groups.
 */
class MemoryGroup {
public:
	MemoryGroup();
	~MemoryGroup();
	MemoryGroup(const MemoryGroup &) = delete;
	MemoryGroup &operator=(const MemoryGroup &) = delete;

	/* Makes process @pid a member: what it takes from now on is charged to the group. */
	void add(pid_t pid) const;

	/* Has the kernel look for @bytes of the group to reclaim, as if memory were short. */
	void reclaim(std::size_t bytes) const;

	/* From now on it can't have more than @bytes besides what it has. */
	void limit(std::size_t bytes) const;

	/* What is charged to the group now. */
	std::size_t bytes() const;

	/* A field of its memory.stat or memory.events: "shmem", "oom_kill". */
	std::size_t field(const std::string &file, const std::string &name) const;

private:
	std::string read(const std::string &file) const;

	userfault::Fd root_;
	std::string name_;
};

} // namespace selftests

#endif
