/* SPDX-License-Identifier: MIT */
#pragma once

#include <string>
#include <sys/types.h>

namespace redirect {

/* The module's device, open for the program; see descriptor.c. */
struct Device {
	int descriptor;
	dev_t number;
};

/*
 * Makes sure that @path is the userfault module's device, and opens it so that programs which this
 * process executes inherit it. Throws Failure: failed.
 */
Device open_device(const std::string &path);

} // namespace redirect
