// SPDX-License-Identifier: GPL-2.0-only
/* A context's life: it is made, does the handshake, and is closed. */
#include "clock.hpp"
#include "context.hpp"
#include "failure.hpp"
#include "scene.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace bench {

namespace {

class Life final : public Scene {
public:
	explicit Life(Backend backend)
		: device_(static_cast<int>(
			  checked(::open(device_of(backend).c_str(), O_RDWR | O_CLOEXEC), "open")))
	{
	}

	double measure() override
	{
		constexpr int lives = 16;
		const Stopwatch watch;

		for (int i = 0; i < lives; i++) {
			uffdio_api api{UFFD_API, 0, 0};
			const int fd = ::ioctl(device_.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC);

			command(fd, UFFDIO_API, &api);
			::close(fd);
		}
		return static_cast<double>(watch.elapsed()) / lives;
	}

private:
	userfault::Fd device_;
};

} // namespace

std::vector<Subject> context_subjects()
{
	return {{"context, made and closed", "context",
		 [](Backend backend) { return std::make_unique<Life>(backend); }}};
}

} // namespace bench
