/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_SURROUNDINGS_HPP
#define BENCH_SURROUNDINGS_HPP

#include <memory>

namespace bench {

/* The state of the system outside of the measured process, as long as this lives. */
class Surroundings {
public:
	virtual ~Surroundings() = default;
};

/* This process has an idle context of the module; it is not the process that is measured. */
std::unique_ptr<Surroundings> with_context_elsewhere();

/* The module is loaded, no process has a context, and mm has its functions back. */
std::unique_ptr<Surroundings> without_context();

/* The module isn't loaded. It is loaded again afterwards. */
std::unique_ptr<Surroundings> without_module();

} // namespace bench

#endif
