// SPDX-License-Identifier: GPL-2.0-only
#include "harness/settings.hpp"

#include "harness/processes.hpp"

#include <fstream>
#include <utility>

namespace selftests {

namespace {

constexpr auto paths = {
	"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/ftrace_enabled",
	"/proc/sys/vm/max_map_count",	 "/proc/sys/vm/unprivileged_userfaultfd",
	"/sys/kernel/mm/ksm/run",	 "/sys/kernel/mm/ksm/sleep_millisecs",
};

} // namespace

Settings::Settings()
{
	for (const auto *path : paths)
		if (auto value = first_line(path); !value.empty())
			before_.emplace(path, std::move(value));
}

std::vector<std::string> Settings::restore() const
{
	std::vector<std::string> changed;

	for (const auto &[path, value] : before_) {
		if (first_line(path) == value)
			continue;
		std::ofstream(path) << value;
		changed.push_back(path);
	}
	return changed;
}

} // namespace selftests
