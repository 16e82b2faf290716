// SPDX-License-Identifier: GPL-2.0-only
#include "surroundings.hpp"

#include "context.hpp"
#include "failure.hpp"

#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace bench {

namespace {

constexpr auto module_file = "/lib/userfault.ko"; /* where scripts/vm has it */
constexpr auto patience = std::chrono::seconds(30);
constexpr auto turn_of_others = std::chrono::milliseconds(10);

void wait_until(const char *what, const std::function<bool()> &condition)
{
	const auto start = std::chrono::steady_clock::now();

	while (!condition()) {
		if (std::chrono::steady_clock::now() - start > patience)
			throw std::runtime_error(std::string("waited in vain until ") + what);
		std::this_thread::sleep_for(turn_of_others);
	}
}

/*
 * Whether the functions are taken that the module takes while there is a context: not the fault's.
 */
bool functions_are_taken()
{
	std::ifstream file("/sys/kernel/tracing/enabled_functions");
	std::string line;

	if (!file)
		throw std::runtime_error("can't read /sys/kernel/tracing/enabled_functions");
	while (std::getline(file, line))
		if (line.contains("uf_hook_stub") || line.contains("uf_hook_divert"))
			return true;
	return false;
}

class ContextElsewhere final : public Surroundings {
	Context context_ = open_context(Backend::module);
};

class NoContext final : public Surroundings {
public:
	NoContext()
	{
		wait_until("mm has its functions back", [] { return !functions_are_taken(); });
	}
};

class NoModule final : public Surroundings {
public:
	NoModule()
	{
		wait_until("the module can be unloaded", [] {
			return ::syscall(SYS_delete_module, "userfault", O_NONBLOCK) == 0;
		});
	}

	/* What fails here ends the benchmark, and so may an exception. */
	// NOLINTNEXTLINE(bugprone-exception-escape)
	~NoModule() override
	{
		const userfault::Fd file(static_cast<int>(
			checked(::open(module_file, O_RDONLY | O_CLOEXEC), module_file)));

		checked(::syscall(SYS_finit_module, file.get(), "", 0), "finit_module");
		wait_until("the device is there",
			   [] { return ::access(device_of(Backend::module).c_str(), F_OK) == 0; });
	}
};

} // namespace

std::unique_ptr<Surroundings> with_context_elsewhere()
{
	return std::make_unique<ContextElsewhere>();
}

std::unique_ptr<Surroundings> without_context()
{
	return std::make_unique<NoContext>();
}

std::unique_ptr<Surroundings> without_module()
{
	return std::make_unique<NoModule>();
}

} // namespace bench
