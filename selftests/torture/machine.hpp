/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TORTURE_MACHINE_HPP
#define SELFTESTS_TORTURE_MACHINE_HPP

#include <string>

namespace torture {

/*
 * Makes this machine ready: files, swap on a compressed RAM disk, huge pages, KSM, groups. Fails
 * the run if something can't be had.
 */
void prepare_machine();

/* A tmpfs for the files of the arenas alone: what it has free shows whether a block is lost. */
inline constexpr auto files_folder = "/tmp/torture";

/* Where the machine swaps to; empty if it doesn't. */
std::string swap_disk();

/* Between rounds, when nothing uses the module: unloads it and loads it again. */
void reload_module();

} // namespace torture

#endif
