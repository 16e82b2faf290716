// SPDX-License-Identifier: GPL-2.0-only
#include "lib/loading.hpp"

#include "harness/harness.hpp"
#include "harness/loaded_module.hpp"

#include <filesystem>
#include <system_error>

namespace selftests {

void need_the_module_file()
{
	if (!std::filesystem::exists(module_file))
		skip("the module's file is not at " + module_file);
}

void load(const std::string &parameters)
{
	if (const auto error = load_module(module_file, parameters))
		give_up("loading: " + error.message());
	wait_until("the device is there", [] { return std::filesystem::exists("/dev/userfault"); });
}

void unload()
{
	wait_until("the module can be unloaded", [] {
		const auto error = unload_module("userfault");
		if (error && error != std::errc::resource_unavailable_try_again)
			give_up("unloading: " + error.message());
		return !error;
	});
}

} // namespace selftests
