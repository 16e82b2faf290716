/* SPDX-License-Identifier: MIT */
#pragma once

#include <string>

namespace redirect {

/*
 * The file that execvp(3) would run for @name: itself if it has a slash, else looked for in $PATH.
 * Failure: not_found, or cannot_start where there are only files that can't be executed.
 */
std::string find_program(const std::string &name);

/*
 * Makes sure that a library can be preloaded into what execvp(3) makes of @path: a script's
 * interpreter is looked at in its place. Failure: cannot_start for what is linked statically, gets
 * privileges by being run, or is not made for this machine's 64-bit mode; not_found for a missing
 * interpreter.
 */
void check_program(const std::string &path);

} // namespace redirect
