// SPDX-License-Identifier: GPL-2.0-only
#include "harness/loaded_module.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/syscall.h>
#include <unistd.h>

namespace selftests {

namespace {

std::error_code result_of(long result)
{
	return result < 0 ? std::error_code(errno, std::generic_category()) : std::error_code();
}

} // namespace

std::error_code load_module(const std::string &path, const std::string &parameters)
{
	const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return result_of(fd);
	const auto result = result_of(::syscall(SYS_finit_module, fd, parameters.c_str(), 0));
	::close(fd);
	return result;
}

std::error_code unload_module(const std::string &name)
{
	return result_of(::syscall(SYS_delete_module, name.c_str(), O_NONBLOCK));
}

bool module_is_loaded(const std::string &name)
{
	return std::filesystem::exists("/sys/module/" + name);
}

} // namespace selftests
