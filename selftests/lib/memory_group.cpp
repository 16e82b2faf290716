// SPDX-License-Identifier: GPL-2.0-only
#include "lib/memory_group.hpp"

#include "harness/harness.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sstream>
#include <string_view>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace selftests {

using userfault::Fd;

namespace {

/* The root of the hierarchy, mounted nowhere. */
Fd cgroup_root()
{
	const Fd context(::fsopen("cgroup2", FSOPEN_CLOEXEC));

	if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0))
		skip("the kernel has no control groups");
	return Fd(static_cast<int>(checked(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0))));
}

bool write_file(const Fd &root, const std::string &path, std::string_view text)
{
	const Fd file(::openat(root.get(), path.c_str(), O_WRONLY | O_CLOEXEC));

	return file && ::write(file.get(), text.data(), text.size()) >= 0;
}

} // namespace

MemoryGroup::MemoryGroup()
	: root_(cgroup_root()), name_("userfault-selftests-" + std::to_string(::getpid()))
{
	if (!write_file(root_, "cgroup.subtree_control", "+memory"))
		skip("the memory controller can't be enabled");
	checked(::mkdirat(root_.get(), name_.c_str(), 0755));
}

MemoryGroup::~MemoryGroup()
{
	/* The caller may be a member, and a group with members can't be removed. */
	write_file(root_, "cgroup.procs", "0");
	::unlinkat(root_.get(), name_.c_str(), AT_REMOVEDIR);
}

void MemoryGroup::add(pid_t pid) const
{
	if (!write_file(root_, name_ + "/cgroup.procs", std::to_string(pid)))
		give_up("the process can't be put into the group");
}

void MemoryGroup::reclaim(std::size_t bytes) const
{
	/* EAGAIN: the kernel could reclaim less than that. */
	if (!write_file(root_, name_ + "/memory.reclaim", std::to_string(bytes)) && errno != EAGAIN)
		give_up("the group's memory can't be reclaimed");
}

void MemoryGroup::limit(std::size_t bytes) const
{
	/* Gives back what the processors have charged in advance, and reclaims what can be. */
	for (const auto *high : {"0", "max"})
		if (!write_file(root_, name_ + "/memory.high", high))
			give_up("the group can't be limited");
	if (!write_file(root_, name_ + "/memory.max", std::to_string(this->bytes() + bytes)))
		give_up("the group can't be limited");
}

std::size_t MemoryGroup::bytes() const
{
	return std::stoul(read("memory.current"));
}

std::size_t MemoryGroup::field(const std::string &file, const std::string &name) const
{
	std::istringstream text(read(file));
	std::size_t value;

	for (std::string key; text >> key >> value;)
		if (key == name)
			return value;
	give_up("the group has no " + name);
}

std::string MemoryGroup::read(const std::string &name) const
{
	const Fd file(static_cast<int>(checked(
		::openat(root_.get(), (name_ + "/" + name).c_str(), O_RDONLY | O_CLOEXEC))));
	std::string text(16384, 0);

	text.resize(static_cast<std::size_t>(checked(::read(file.get(), text.data(), text.size()))));
	return text;
}

} // namespace selftests
