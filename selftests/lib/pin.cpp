// SPDX-License-Identifier: GPL-2.0-only
#include "lib/pin.hpp"

namespace selftests {

Pin::Pin(const Memory &memory, std::size_t first, std::size_t count)
{
	ring_.add_buffer(memory.bytes(first, count));
}

} // namespace selftests
