/* SPDX-License-Identifier: MIT */
#pragma once

#include <string>

namespace redirect {

/*
 * The file that execvp(3) would run for @name: the name itself if it has a slash, else the file
 * that $PATH leads to. Throws Failure: not_found, or cannot_start if no file of that name can be
 * executed.
 */
std::string find_program(const std::string &name);

/*
 * Makes sure that a library can be preloaded into the program that execvp(3) runs for @path: for a
 * script that is its interpreter. Throws Failure: cannot_start for a program that is linked
 * statically, gets privileges by being run, or is not made for this machine's 64-bit mode, and if
 * something can't be read or run; not_found for a missing interpreter.
 */
void check_program(const std::string &path);

} // namespace redirect
