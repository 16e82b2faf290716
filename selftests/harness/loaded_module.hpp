/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_LOADED_MODULE_HPP
#define SELFTESTS_LOADED_MODULE_HPP

#include <string>
#include <system_error>

namespace selftests {

/* Where the tests that load the module under test find its file. */
inline const std::string module_file = "/lib/userfault.ko";

/* insmod and rmmod; the error is the kernel's errno, none on success. */
std::error_code load_module(const std::string &path, const std::string &parameters = "");
std::error_code unload_module(const std::string &name);

bool module_is_loaded(const std::string &name);

} // namespace selftests

#endif
