// SPDX-License-Identifier: GPL-2.0-only
#include "harness/backend.hpp"

#include <cstdio>
#include <sys/utsname.h>
#include <utility>

namespace selftests {

namespace {

Backend current = Backend::module;

} // namespace

std::optional<Backend> backend_named(std::string_view name)
{
	for (const auto backend : {Backend::module, Backend::native})
		if (name == name_of(backend))
			return backend;
	return std::nullopt;
}

std::string name_of(Backend backend)
{
	return backend == Backend::module ? "module" : "native";
}

std::string device_of(Backend backend)
{
	return backend == Backend::module ? "/dev/userfault" : "/dev/userfaultfd";
}

Backend backend_under_test()
{
	return current;
}

void set_backend_under_test(Backend backend)
{
	current = backend;
}

unsigned repeated(unsigned count)
{
	return backend_under_test() == Backend::module ? count : count / 4;
}

bool kernel_before(int version, int patchlevel)
{
	std::pair<int, int> running;
	utsname name;

	return ::uname(&name) == 0 &&
	       std::sscanf(name.release, "%d.%d", &running.first, &running.second) == 2 &&
	       running < std::pair(version, patchlevel);
}

bool native_before(int version, int patchlevel)
{
	return backend_under_test() == Backend::native && kernel_before(version, patchlevel);
}

} // namespace selftests
