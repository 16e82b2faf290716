// SPDX-License-Identifier: GPL-2.0-only
#include "lib/memory_group.hpp"

#include "harness/harness.hpp"

#include <cerrno>
#include <sstream>

namespace selftests {

void MemoryGroup::reclaim(std::size_t bytes) const
{
	/* EAGAIN: the kernel could reclaim less than that. */
	if (!group_.write("memory.reclaim", std::to_string(bytes)) && errno != EAGAIN)
		give_up("the group's memory can't be reclaimed");
}

void MemoryGroup::limit(std::size_t bytes) const
{
	/* Gives back what the processors have charged in advance, and reclaims what can be. */
	for (const auto *high : {"0", "max"})
		if (!group_.write("memory.high", high))
			give_up("the group can't be limited");
	if (!group_.write("memory.max", std::to_string(this->bytes() + bytes)))
		give_up("the group can't be limited");
}

void MemoryGroup::kill_together() const
{
	if (!group_.write("memory.oom.group", "1"))
		give_up("the group's processes can't be killed together");
}

std::size_t MemoryGroup::bytes() const
{
	return std::stoul(group_.read("memory.current"));
}

std::size_t MemoryGroup::field(const std::string &file, const std::string &name) const
{
	std::istringstream text(group_.read(file));
	std::size_t value;

	for (std::string key; text >> key >> value;)
		if (key == name)
			return value;
	give_up("the group has no " + name);
}

} // namespace selftests
