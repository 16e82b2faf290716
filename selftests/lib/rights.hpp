/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_RIGHTS_HPP
#define SELFTESTS_RIGHTS_HPP

#include "lib/memory.hpp"

#include <sys/types.h>

namespace selftests {

inline constexpr uid_t nobody = 65534;

/* For a child process: from now on it is the user nobody's, without any right of root. */
void become_nobody();

/*
 * The same, and then it is root of a new user namespace, which has all capabilities in there. False
 * if the kernel lets no ordinary user make one.
 */
bool become_root_of_namespace();

/* The module's parameter that decides who may handle faults of the kernel. */
inline constexpr auto kernel_faults_parameter = "/sys/module/userfault/parameters/kernel_faults";

/* While this lives, faults of the kernel take the right to trace. */
struct ReservedKernelFaults {
	ReservedKernelFaults();
	~ReservedKernelFaults();
	ReservedKernelFaults(const ReservedKernelFaults &) = delete;
	ReservedKernelFaults &operator=(const ReservedKernelFaults &) = delete;
};

/* The errno of reading the first word of @memory in process @pid as a debugger would, or 0. */
int error_of_reading(pid_t pid, const Memory &memory);

} // namespace selftests

#endif
