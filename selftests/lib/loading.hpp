/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_LOADING_HPP
#define SELFTESTS_LOADING_HPP

#include <string>

namespace selftests {

/* The module under test. A test that loads or unloads it has the tag [load]. */

/* Skips the test if the module can't be loaded again. */
void need_the_module_file();

/* Returns when the device is there. */
void load(const std::string &parameters = "");

/* Waits, because a context that was closed a moment ago may still hold the module. */
void unload();

/* A module, "holder", that takes one of mm's functions over itself: userfaultfd_remove(). */
inline const std::string holder_file = "/lib/runner/holder.ko";

} // namespace selftests

#endif
