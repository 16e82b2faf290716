// SPDX-License-Identifier: GPL-2.0-only
#include "lib/pin.hpp"

#include "harness/harness.hpp"

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace selftests {

using namespace userfault;

namespace {

Fd new_ring()
{
	io_uring_params parameters = {};
	const auto fd = ::syscall(__NR_io_uring_setup, 1, &parameters);

	if (fd < 0)
		skip("this kernel has no io_uring");
	return Fd(static_cast<int>(fd));
}

} // namespace

Pin::Pin(const Memory &memory, std::size_t first, std::size_t count) : ring_(new_ring())
{
	const iovec buffer{memory.page(first), count * page_size()};

	checked(static_cast<int>(::syscall(__NR_io_uring_register, ring_.get(),
					   IORING_REGISTER_BUFFERS, &buffer, 1)));
}

} // namespace selftests
