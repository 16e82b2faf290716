/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_FAILURE_HPP
#define BENCH_FAILURE_HPP

#include <userfault/result.hpp>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace bench {

/* The result of a system call; throws if it failed, since nothing can be measured then. */
inline long checked(long result, const char *what)
{
	if (result < 0)
		throw std::system_error(errno, std::generic_category(), what);
	return result;
}

/* The same for a call of the library. */
template <class T> T checked(userfault::Result<T> result, const std::string &what)
{
	if (!result)
		throw std::system_error(result.error(), what);
	if constexpr (!std::is_void_v<T>)
		return std::move(*result);
}

} // namespace bench

#endif
