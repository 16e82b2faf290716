/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_BACKEND_HPP
#define BENCH_BACKEND_HPP

#include <string>

namespace bench {

/* Whose userfaultfd is measured: this project's, or the kernel's own. */
enum class Backend { module, native };

inline std::string device_of(Backend backend)
{
	return backend == Backend::module ? "/dev/userfault" : "/dev/userfaultfd";
}

} // namespace bench

#endif
