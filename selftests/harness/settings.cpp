// SPDX-License-Identifier: GPL-2.0-only
#include "harness/settings.hpp"

#include "harness/processes.hpp"

#include <fstream>
#include <utility>

namespace selftests {

namespace {

constexpr auto paths = {
	"/proc/sys/kernel/core_pattern",
	"/proc/sys/kernel/ftrace_enabled",
	"/proc/sys/vm/max_map_count",
	"/proc/sys/vm/overcommit_memory",
	"/proc/sys/vm/unprivileged_userfaultfd",
	"/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem",
	"/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait",
	"/sys/kernel/debug/fail_page_alloc/min-order",
	"/sys/kernel/debug/fail_page_alloc/times",
	"/sys/kernel/debug/fail_page_alloc/verbose",
	"/sys/kernel/debug/fail_usercopy/times",
	"/sys/kernel/debug/fail_usercopy/verbose",
	"/sys/kernel/debug/failslab/cache-filter",
	"/sys/kernel/debug/failslab/ignore-gfp-wait",
	"/sys/kernel/debug/failslab/interval",
	"/sys/kernel/debug/failslab/probability",
	"/sys/kernel/debug/failslab/space",
	"/sys/kernel/debug/failslab/task-filter",
	"/sys/kernel/debug/failslab/times",
	"/sys/kernel/debug/failslab/verbose",
	"/sys/kernel/mm/ksm/run",
	"/sys/kernel/mm/ksm/sleep_millisecs",
};

/* Whether the kernel has taken it. */
bool write_setting(const std::string &path, const std::string &value)
{
	return static_cast<bool>(std::ofstream(path) << value << std::flush);
}

} // namespace

Settings::Settings()
{
	for (const auto *path : paths)
		if (auto value = first_line(path); !value.empty())
			before_.emplace(path, std::move(value));
}

Settings::Changed Settings::restore() const
{
	Changed changed;

	for (const auto &[path, value] : before_) {
		if (first_line(path) == value)
			continue;
		changed.paths.push_back(path);
		if (!write_setting(path, value))
			changed.stuck.push_back(path);
	}
	return changed;
}

} // namespace selftests
