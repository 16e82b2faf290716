/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PIN_HPP
#define SELFTESTS_PIN_HPP

#include "lib/memory.hpp"

namespace selftests {

/*
 * Pages that the kernel has pinned for long, as a device's buffer would be, while this lives. They
 * are a buffer registered with io_uring; skips the test where there is none.
 */
class Pin {
public:
	Pin(const Memory &memory, std::size_t first, std::size_t count);

private:
	userfault::Fd ring_;
};

} // namespace selftests

#endif
