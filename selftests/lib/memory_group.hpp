/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MEMORY_GROUP_HPP
#define SELFTESTS_MEMORY_GROUP_HPP

#include <cstddef>
#include <string>
#include <sys/types.h>
#include <userfault/fd.hpp>

namespace selftests {

/*
 * A new memory cgroup, removed when this object is destroyed; its other processes must have ended
 * by then. Skips the test if the kernel has no memory cgroups.
 */
class MemoryGroup {
public:
	MemoryGroup();
	~MemoryGroup();
	MemoryGroup(const MemoryGroup &) = delete;
	MemoryGroup &operator=(const MemoryGroup &) = delete;

	/* Makes process @pid a member: memory that it takes from now on is charged to the group. */
	void add(pid_t pid) const;

	/* Asks the kernel to reclaim @bytes from the group, as if memory were short. */
	void reclaim(std::size_t bytes) const;

	/* From now on the group can get at most @bytes more than it has. */
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
