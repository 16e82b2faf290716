/* SPDX-License-Identifier: MIT */
#pragma once

#include <string>

namespace redirect {

/*
 * Makes sure that @path is the userfault module's device and can be opened.
 * Failure: failed.
 */
void check_device(const std::string &path);

} // namespace redirect
