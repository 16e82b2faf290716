// SPDX-License-Identifier: GPL-2.0-only
#include "lib/control_group.hpp"

#include "harness/harness.hpp"

#include <fcntl.h>
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

ControlGroup::ControlGroup(const std::string &controller)
	: root_(cgroup_root()),
	  name_("userfault-selftests-" + controller + "-" + std::to_string(::getpid()))
{
	if (!controller.empty() && !write_file(root_, "cgroup.subtree_control", "+" + controller))
		skip("the controller " + controller + " can't be enabled");
	checked(::mkdirat(root_.get(), name_.c_str(), 0755));
}

ControlGroup::~ControlGroup()
{
	/* The caller may be a member, and a group with members can't be removed. */
	write_file(root_, "cgroup.procs", "0");
	::unlinkat(root_.get(), name_.c_str(), AT_REMOVEDIR);
}

void ControlGroup::add(pid_t pid) const
{
	if (!write("cgroup.procs", std::to_string(pid)))
		give_up("the process can't be put into the group");
}

bool ControlGroup::write(const std::string &file, std::string_view text) const
{
	return write_file(root_, name_ + "/" + file, text);
}

std::string ControlGroup::read(const std::string &name) const
{
	const Fd file(static_cast<int>(checked(
		::openat(root_.get(), (name_ + "/" + name).c_str(), O_RDONLY | O_CLOEXEC))));
	std::string text(16384, 0);

	text.resize(
		static_cast<std::size_t>(checked(::read(file.get(), text.data(), text.size()))));
	return text;
}

} // namespace selftests
