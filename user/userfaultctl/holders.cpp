// SPDX-License-Identifier: MIT
#include "holders.hpp"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <unistd.h>
#include <userfault/fd.hpp>

namespace userfaultctl {

namespace {

namespace fs = std::filesystem;

std::optional<pid_t> pid_of(const fs::path &folder)
{
	const auto name = folder.filename().string();
	pid_t pid = 0;
	const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);

	if (error != std::errc() || end != name.data() + name.size())
		return std::nullopt;
	return pid;
}

/* The id in a descriptor's fdinfo; none for those of the kernel's own userfaultfd. */
std::optional<std::uint64_t> context_of(const fs::path &fdinfo)
{
	constexpr std::string_view name = "context:\t";
	std::ifstream file(fdinfo);

	for (std::string line; std::getline(file, line);)
		if (line.starts_with(name))
			return std::stoull(line.substr(name.size()));
	return std::nullopt;
}

std::vector<std::uint64_t> contexts_of(const fs::path &process)
{
	std::vector<std::uint64_t> contexts;
	std::error_code error;

	for (fs::directory_iterator each(process / "fd", error), end; !error && each != end;
	     each.increment(error)) {
		std::error_code gone;
		if (fs::read_symlink(each->path(), gone) != "anon_inode:[userfaultfd]")
			continue;
		const auto id = context_of(process / "fdinfo" / each->path().filename());
		if (id && std::ranges::find(contexts, *id) == contexts.end())
			contexts.push_back(*id);
	}
	return contexts;
}

} // namespace

std::map<std::uint64_t, std::vector<Holder>> find_holders()
{
	std::map<std::uint64_t, std::vector<Holder>> holders;
	std::error_code error;

	for (fs::directory_iterator each("/proc", error), end; !error && each != end;
	     each.increment(error)) {
		const auto pid = pid_of(each->path());
		if (!pid)
			continue;
		for (const auto id : contexts_of(each->path())) {
			Holder holder{.pid = *pid, .comm = {}};
			std::ifstream comm(each->path() / "comm");

			std::getline(comm, holder.comm);
			holders[id].push_back(std::move(holder));
		}
	}
	return holders;
}

/* The kernel wants whole entries to be read: so no stream, which would fill its buffer. */
bool page_is_there(pid_t pid, std::uint64_t address)
{
	constexpr std::uint64_t present = 1ull << 63, swapped = 1ull << 62;
	const auto page = address / static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
	const auto path = "/proc/" + std::to_string(pid) + "/pagemap";
	const userfault::Fd pagemap(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
	std::uint64_t entry = 0;
	const auto read = ::pread(pagemap.get(), &entry, sizeof(entry),
				  static_cast<off_t>(page * sizeof(entry)));

	return read == sizeof(entry) && (entry & (present | swapped));
}

} // namespace userfaultctl
