// SPDX-License-Identifier: GPL-2.0-only
#include "backend.hpp"

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

} // namespace selftests
