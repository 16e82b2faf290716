/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BENCH_SURROUNDINGS_HPP
#define BENCH_SURROUNDINGS_HPP

#include <memory>

namespace bench {

/* What there is besides the process that is measured, as long as this lives. */
class Surroundings {
public:
	virtual ~Surroundings() = default;
};

/* Another process, this one, has a context of the module, which has nothing to do. */
std::unique_ptr<Surroundings> with_context_elsewhere();

/* The module is loaded, nobody has a context, and mm has its functions back. */
std::unique_ptr<Surroundings> without_context();

/* The module isn't loaded. It is again afterwards. */
std::unique_ptr<Surroundings> without_module();

} // namespace bench

#endif
