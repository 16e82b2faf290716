// SPDX-License-Identifier: GPL-2.0-only
#include "lib/core_file.hpp"

#include "harness/harness.hpp"
#include "harness/processes.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <unistd.h>

namespace selftests {

namespace {

constexpr auto pattern_file = "/proc/sys/kernel/core_pattern";
constexpr auto path = "/tmp/userfault-selftests.core";

} // namespace

CoreFile::CoreFile() : pattern_before_(first_line(pattern_file))
{
	std::ofstream pattern(pattern_file);

	if (!(pattern << path << std::flush))
		skip("the path of core dumps can't be set");
}

CoreFile::~CoreFile()
{
	std::ofstream(pattern_file) << pattern_before_;
	std::filesystem::remove(path);
}

bool CoreFile::contains(std::span<const std::byte> bytes) const
{
	std::ifstream file(path, std::ios::binary);
	const std::string text{std::istreambuf_iterator(file), {}};

	return text.find({reinterpret_cast<const char *>(bytes.data()), bytes.size()}) != text.npos;
}

void dump_core()
{
	const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};

	checked(::setrlimit(RLIMIT_CORE, &unlimited));
	::signal(SIGQUIT, SIG_DFL);
	::raise(SIGQUIT);
	::_exit(1);
}

} // namespace selftests
