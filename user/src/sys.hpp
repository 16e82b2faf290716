/* SPDX-License-Identifier: MIT */
#pragma once

#include <cerrno>

#include <userfault/range.hpp>
#include <userfault/result.hpp>

/* What the library's sources share, and its users don't see. */
namespace userfault::sys {

inline std::error_code error(int number) noexcept
{
	return {number, std::generic_category()};
}

inline std::unexpected<std::error_code> fail(int number) noexcept
{
	return std::unexpected(error(number));
}

/* The convention of most system calls: negative is a failure, and errno says why. */
template <class T> Result<T> check(T returned) noexcept
{
	if (returned < 0)
		return fail(errno);
	return returned;
}

Result<int> ioctl(int fd, unsigned long request, void *argument) noexcept;
/* Calls a command that takes a range and writes no answer. */
Result<void> range_ioctl(int fd, unsigned long request, Range range) noexcept;

} // namespace userfault::sys
