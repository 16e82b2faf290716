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

	/* What is charged to the group now. */
	std::size_t bytes() const;

private:
	userfault::Fd root_;
	std::string name_;
};

} // namespace selftests

#endif
