/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_CONTROL_GROUP_HPP
#define SELFTESTS_CONTROL_GROUP_HPP

#include <string>
#include <string_view>
#include <sys/types.h>
#include <userfault/fd.hpp>

namespace selftests {

/*
 * A new control group, removed when this object is destroyed; its other processes must have ended
 * by then. Skips the test if the kernel lacks the controller.
 */
class ControlGroup {
public:
	/* @controller: "memory", "pids"; without one it has the files that every group has. */
	explicit ControlGroup(const std::string &controller = "");
	~ControlGroup();
	ControlGroup(const ControlGroup &) = delete;
	ControlGroup &operator=(const ControlGroup &) = delete;

	/* Makes process @pid a member. */
	void add(pid_t pid) const;

	/* Writes to one of its files, "pids.max" say. False and errno if the kernel refuses that.
	 */
	bool write(const std::string &file, std::string_view text) const;
	std::string read(const std::string &file) const;

private:
	userfault::Fd root_;
	std::string name_;
};

} // namespace selftests

#endif
