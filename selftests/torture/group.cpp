// SPDX-License-Identifier: GPL-2.0-only
#include "torture/group.hpp"

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
	const auto deadline = std::chrono::steady_clock::now() + settling_time;

	write("cgroup.kill", "1");
	while (field("cgroup.events", "populated")) {
		if (std::chrono::steady_clock::now() > deadline)
			return false;
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
	return true;
}

/* The kernel adds up the processors' counts every two seconds. */
std::string Group::left() const
{
	std::string text;

	for (const auto *what : {"anon", "shmem", "file_mapped", "anon_thp"})
		if (const auto bytes = field("memory.stat", what))
			text += std::to_string(bytes) + " bytes of " + what + ' ';
	if (const auto bytes = number("hugetlb.2MB.current"))
		text += std::to_string(bytes) + " bytes of hugetlb ";
	return text;
}

std::string Group::remove() const
{
	const auto deadline = std::chrono::steady_clock::now() + settling_time;
	std::string text;

	if (!exists())
		return {};
	while (!(text = left()).empty() && std::chrono::steady_clock::now() < deadline)
		std::this_thread::sleep_for(std::chrono::milliseconds(50));
	if (!text.empty())
		return "a control group without processes is charged with " + text;
	while (::rmdir(path_.c_str()) && std::chrono::steady_clock::now() < deadline)
		std::this_thread::sleep_for(std::chrono::milliseconds(10));
	return ::access(path_.c_str(), F_OK) ? "" : "a control group can't be removed";
}

} // namespace torture
