/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PIN_HPP
#define SELFTESTS_PIN_HPP

#include "lib/memory.hpp"
#include "lib/ring.hpp"

namespace selftests {

/*
 * Pages that the kernel keeps pinned for long, like a device's buffer, as long as this lives. They
 * are a buffer registered with io_uring; skips the test if the kernel has no io_uring.
 */
class Pin {
public:
	Pin(const Memory &memory, std::size_t first, std::size_t count);

private:
	Ring ring_;
};

} // namespace selftests

#endif
