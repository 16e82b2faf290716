/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_GROUP_HPP
#define SELFTESTS_TORTURE_GROUP_HPP

#include <cstdint>
#include <string>
#include <string_view>

namespace torture {

/*
 * A control group, which can limit and freeze its processes. If the kernel has none, all calls
 * fail, and nothing else happens.
 */
class Group {
public:
	/* Mounts the hierarchy; once, before there are groups. */
	static void mount();

	explicit Group(std::string_view name);

	/* The calling process, and its children after that. */
	bool join() const { return write("cgroup.procs", "0"); }
	bool write(const std::string &file, std::string_view text) const;
	std::uint64_t field(const std::string &file, std::string_view key) const;
	std::uint64_t number(const std::string &file) const;
	bool exists() const;
	/* Kills all of its processes, and waits until they are gone. */
	bool kill_all() const;
	/* Waits until nothing is charged to it any more, and removes it; says what is left, or
	 * nothing. */
	std::string remove() const;

private:
	std::string left() const;

	std::string path_;
};

} // namespace torture

#endif
