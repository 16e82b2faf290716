// SPDX-License-Identifier: GPL-2.0-only
#include "torture/group.hpp"

#include "harness/countdown.hpp"
#include "torture/files.hpp"

#include <chrono>
#include <sys/mount.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace torture {

namespace {

const std::string root = "/sys/fs/cgroup/";
constexpr auto settling_time = std::chrono::seconds(20);

} // namespace

void Group::mount()
{
	::mount("cgroup2", root.c_str(), "cgroup2", 0, nullptr);
	for (const auto *controller : {"+memory", "+hugetlb"})
		write_file(root + "cgroup.subtree_control", controller);
}

Group::Group(std::string_view name) : path_(root + std::string(name) + '/')
{
	::mkdir(path_.c_str(), 0755);
}

bool Group::write(const std::string &file, std::string_view text) const
{
	return write_file(path_ + file, text);
}

std::uint64_t Group::field(const std::string &file, std::string_view key) const
{
	return torture::field(path_ + file, key);
}

std::uint64_t Group::number(const std::string &file) const
{
	return number_in(path_ + file);
}

bool Group::exists() const
{
	return ::access((path_ + "memory.current").c_str(), F_OK) == 0;
}

bool Group::kill_all() const
{
	selftests::Countdown countdown(settling_time);

	write("cgroup.kill", "1");
	while (field("cgroup.events", "populated")) {
		if (countdown.is_over())
			return false;
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
	return true;
}

/*
 * The kernel adds up the processors' counts of memory.stat every two seconds, and the pages of huge
 * pages and swap at once. A swap slot stays charged while it is in its processor's list of at most
 * 64 free ones. memory.current isn't compared: it has what processors have charged in advance, and
 * the kernel's own objects, which it frees when it needs room.
 */
std::string Group::left() const
{
	const auto kept = static_cast<std::uint64_t>(64 * 4096 * ::sysconf(_SC_NPROCESSORS_ONLN));
	std::string text;

	for (const auto *what :
	     {"anon", "shmem", "file_mapped", "anon_thp", "shmem_thp", "pagetables"})
		if (const auto bytes = field("memory.stat", what))
			text += std::to_string(bytes) + " bytes of " + what + ", ";
	for (const std::string what : {"hugetlb.2MB.current", "hugetlb.2MB.rsvd.current"})
		if (const auto bytes = number(what))
			text += std::to_string(bytes) + " bytes of " + what + ", ";
	if (const auto bytes = number("memory.swap.current"); bytes > kept)
		text += std::to_string(bytes) + " bytes of swap, ";
	return text.substr(0, text.empty() ? 0 : text.size() - 2);
}

std::string Group::remove() const
{
	selftests::Countdown countdown(settling_time);
	std::string text;

	if (!exists())
		return {};
	while (!(text = left()).empty() && !countdown.is_over())
		std::this_thread::sleep_for(std::chrono::milliseconds(50));
	if (!text.empty())
		return path_ +
		       (field("cgroup.events", "populated") ? " has processes, and"
							    : " without processes") +
		       " is charged with " + text;
	while (::rmdir(path_.c_str()) && !countdown.is_over())
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
	return ::access(path_.c_str(), F_OK) ? "" : path_ + " can't be removed";
}

} // namespace torture
