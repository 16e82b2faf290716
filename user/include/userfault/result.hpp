/* SPDX-License-Identifier: MIT */
#pragma once

#include <expected>
#include <system_error>

namespace userfault {

/*
 * What every call that can fail returns: the value, or the errno of the system call that failed, as
 * a code of std::generic_category (so it compares equal to std::errc). Nothing here throws, except
 * std::bad_alloc where memory for C++ objects runs out.
 */
template <class T> using Result = std::expected<T, std::error_code>;

} // namespace userfault
