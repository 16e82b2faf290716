// SPDX-License-Identifier: GPL-2.0-only
/* The device, the flags of a new context, and the handshake. */
#include "harness/known_thread.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <linux/userfault.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <userfault/mapping.hpp>

using namespace selftests;
using namespace userfault;

namespace {

constexpr auto basics = Features::Sigbus | Features::ThreadId | Features::ExactAddress;

Context new_context()
{
	return take(Context::create(options_for()));
}

/* What UFFDIO_API answers, field by field. */
struct Answer {
	int error;
	uffdio_api fields;
};

Answer handshake(const Context &context, std::uint64_t api, std::uint64_t features)
{
	uffdio_api fields{.api = api, .features = features, .ioctls = 0x5a5a};
	const auto result = context.ioctl(UFFDIO_API, &fields);

	return {result ? 0 : result.error().value(), fields};
}

bool is_zero(const uffdio_api &fields)
{
	return !fields.api && !fields.features && !fields.ioctls;
}

/* An errno, or 0 if a context was made. */
int error_of_new(unsigned long flags)
{
	const Fd device(static_cast<int>(
		checked(::open(device_of(backend_under_test()).c_str(), O_RDWR | O_CLOEXEC))));
	const Fd made(::ioctl(device.get(), USERFAULTFD_IOC_NEW, flags));

	return made ? 0 : errno;
}

} // namespace

TEST_CASE("a handshake grants the features asked for and answers which there are", "[api]")
{
	const auto context = new_context();
	const auto answer = handshake(context, UFFD_API, bits(Features::ThreadId));

	REQUIRE(answer.error == 0);
	CHECK(answer.fields.api == UFFD_API);
	CHECK(has(Features{answer.fields.features}, basics));
	CHECK(Ioctls{answer.fields.ioctls} ==
	      (Ioctls::Api | Ioctls::Register | Ioctls::Unregister |
	       (has(Features{answer.fields.features}, Features::Rwp) ? Ioctls::SetMode
								     : Ioctls::None)));
}

/* RWP_ASYNC is granted only with RWP: rwp_async_test.cpp. */
TEST_CASE("every feature that is offered is granted and every other one refused", "[api]")
{
	const auto offered = take(Context::probe(options_for())).offered;

	for (unsigned bit = 0; bit < 64; bit++) {
		const auto context = new_context();
		const Features single{1ull << bit};
		const auto feature =
			single | (single == Features::RwpAsync ? Features::Rwp : Features::None);
		const auto answer = handshake(context, UFFD_API, bits(feature));

		INFO("feature bit " << bit);
		if (has(offered, feature)) {
			CHECK(answer.error == 0);
			CHECK(Features{answer.fields.features} == offered);
		} else {
			CHECK(answer.error == EINVAL);
			CHECK(is_zero(answer.fields));
		}
	}
}

TEST_CASE("another version of the API is refused and the answer is zeroes", "[api]")
{
	for (const std::uint64_t api : {0ull, 1ull, 0xA9ull, 0xABull, 0x1AAull, ~0ull}) {
		const auto context = new_context();
		const auto answer = handshake(context, api, 0);

		INFO("API " << api);
		CHECK(answer.error == EINVAL);
		CHECK(is_zero(answer.fields));
	}
}

TEST_CASE("a refused handshake may be followed by a good one", "[api]")
{
	const auto context = new_context();

	CHECK(handshake(context, 1, 0).error == EINVAL);
	CHECK(handshake(context, UFFD_API, 1ull << 63).error == EINVAL);
	CHECK(handshake(context, UFFD_API, 0).error == 0);
}

TEST_CASE("a second handshake is refused and changes nothing", "[api]")
{
	const auto context = new_context();
	REQUIRE(handshake(context, UFFD_API, bits(Features::ThreadId)).error == 0);
	const auto before = fdinfo(context.fd()).api;
	const auto second = handshake(context, UFFD_API, 0);

	CHECK(second.error == EINVAL);
	CHECK(is_zero(second.fields));
	CHECK(fdinfo(context.fd()).api == before);
}

TEST_CASE("a handshake with an address that can't be read or written is EFAULT", "[api]")
{
	const auto context = new_context();
	const Memory memory(1);
	auto *fields = new (memory.page(0)) uffdio_api{UFFD_API, 0, 0};

	CHECK(context.ioctl(UFFDIO_API, nullptr).error().value() == EFAULT);
	checked(::mprotect(memory.page(0), page_size(), PROT_READ));
	CHECK(context.ioctl(UFFDIO_API, fields).error().value() == EFAULT);
	CHECK(handshake(context, UFFD_API, 0).error == 0);
}

TEST_CASE("before the handshake every other command is refused", "[api]")
{
	const auto context = new_context();
	const Memory memory(1);
	const auto range = memory.range();
	const auto source = patterned(1);
	pollfd poll{context.fd(), POLLIN, 0};

	CHECK(context.register_range(range, Modes::Missing).error().value() == EINVAL);
	CHECK(context.unregister_range(range).error().value() == EINVAL);
	CHECK(context.wake(range).error().value() == EINVAL);
	CHECK(context.copy(memory.address(0), source.bytes(0, 1)).error.value() == EINVAL);
	CHECK(context.zeropage(range).error.value() == EINVAL);
	CHECK(context.read().error().value() == EINVAL);
	CHECK(::poll(&poll, 1, 0) == 1);
	CHECK(poll.revents == POLLERR);
}

TEST_CASE("flags that are not known are refused", "[api]")
{
	const unsigned long known = O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;

	CHECK(error_of_new(known) == 0);
	for (unsigned bit = 0; bit < 31; bit++) {
		const unsigned long flag = 1ul << bit;
		INFO("flag " << flag);
		CHECK(error_of_new(flag) == (flag & known ? 0 : EINVAL));
		CHECK(error_of_new(flag | O_CLOEXEC) == (flag & known ? 0 : EINVAL));
	}
}

TEST_CASE("the flags of a new context are those of its descriptor", "[api]")
{
	for (const bool nonblocking : {false, true})
		for (const bool close_on_exec : {false, true}) {
			auto options = options_for();
			options.nonblocking = nonblocking;
			options.close_on_exec = close_on_exec;
			const auto context = take(Context::create(options));

			CHECK(!!(::fcntl(context.fd(), F_GETFL) & O_NONBLOCK) == nonblocking);
			CHECK(!!(::fcntl(context.fd(), F_GETFD) & FD_CLOEXEC) == close_on_exec);
			CHECK((::fcntl(context.fd(), F_GETFL) & O_ACCMODE) == O_RDONLY);
		}
}

TEST_CASE("a context has twelve commands at most, and reads 32 bytes at most for each",
	  "[api][security]")
{
	const auto context = open_context();
	const Memory memory(2);
	std::byte *const last = memory.page(1) - 32; /* what comes after that can't be read */
	std::size_t commands = 0;
	const auto error_of = [&](unsigned long command, void *argument) {
		const auto result = context.ioctl(command, argument);
		return result ? 0 : result.error().value();
	};

	checked(::mprotect(memory.page(1), page_size(), PROT_NONE));
	for (unsigned long rest = 0; rest < 4 * 64 * 256; rest++) {
		const auto command = _IOC(rest / 256 / 64, UFFDIO, rest % 256, rest / 256 % 64);

		if (error_of(command, nullptr) == EINVAL)
			continue; /* it reads nothing */
		INFO("command " << command);
		CHECK(error_of(command, last) != EFAULT);
		commands++;
	}
	CHECK(commands <= 12);
	CHECK(commands >= 8); /* those of Linux 6.1 */
}

TEST_CASE("a context has the name by which programs know a userfaultfd", "[api]")
{
	const auto context = new_context();
	const auto link = "/proc/self/fd/" + std::to_string(context.fd());

	CHECK(std::filesystem::read_symlink(link) == "anon_inode:[userfaultfd]");
}

TEST_CASE("the device makes contexts and does nothing else", "[api][security]")
{
	const Fd device(static_cast<int>(
		checked(::open(device_of(backend_under_test()).c_str(), O_RDWR | O_CLOEXEC))));
	char byte = 0;
	uffdio_api api{UFFD_API, 0, 0};

	CHECK((::ioctl(device.get(), UFFDIO_API, &api) == -1 && errno == EINVAL));
	CHECK((::ioctl(device.get(), _IO(USERFAULTFD_IOC, 1), 0) == -1 && errno == EINVAL));
	CHECK((::read(device.get(), &byte, 1) == -1 && errno == EINVAL));
	CHECK((::write(device.get(), &byte, 1) == -1 && errno == EINVAL));
	CHECK((::mmap(nullptr, page_size(), PROT_READ, MAP_PRIVATE, device.get(), 0) ==
		       MAP_FAILED &&
	       errno == ENODEV));
}

TEST_CASE("by default only root can open the device", "[api][security]")
{
	struct stat status;
	checked(::stat(device_of(backend_under_test()).c_str(), &status));

	CHECK(S_ISCHR(status.st_mode));
	CHECK((status.st_mode & 07777) == 0600);
	CHECK(status.st_uid == 0);
}

TEST_CASE("a context is made for the process that asks and not for the one that opened the device",
	  "[api]")
{
	/* The device is opened here, the context is made in a child, for the child's memory. */
	const Fd device(static_cast<int>(
		checked(::open(device_of(backend_under_test()).c_str(), O_RDWR | O_CLOEXEC))));
	Process child([&] {
		const Memory memory(1);
		const auto context = Context::adopt(
			Fd(::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK)));
		take(context.handshake());
		take(context.register_range(memory.range(), Modes::Missing));
		const auto zeroed = context.zeropage(memory.range());
		return zeroed && memory.word(0) == 0 ? 0 : 1;
	});

	CHECK(child.wait() == 0);
}

TEST_CASE("lengths that no memory can have are refused", "[api]")
{
	CHECK(Mapping::anonymous(SIZE_MAX).error() == std::errc::not_enough_memory);
	CHECK(Mapping::anonymous(SIZE_MAX - page_size()).error() == std::errc::not_enough_memory);
	CHECK(Mapping::anonymous(0).error() == std::errc::invalid_argument);
}

TEST_CASE("a region can be unregistered once", "[api]")
{
	World world(1);

	CHECK(world.region.unregister());
	CHECK(world.region.unregister().error() == std::errc::bad_file_descriptor);
	CHECK(world.context.unregister_range(world.memory.range()));
}

TEST_CASE("a region that ends in a forked child ends in the parent", "[api]")
{
	World world(1);
	Process child([&] { return world.region.unregister() ? 0 : 1; });

	CHECK(child.wait() == 0);
	CHECK(world.memory.word(0) == 0);
	CHECK_FALSE(take(world.context.read()));
}

TEST_CASE("a read that waits is interrupted by a signal, and so is a poll", "[api]")
{
	auto options = options_for();
	options.nonblocking = false;
	const auto blocking = open_context(options), polled = open_context();
	struct sigaction action = {};

	action.sa_handler = [](int) {};
	checked(::sigaction(SIGUSR1, &action, nullptr));
	const auto interrupted = [](const auto &wait, long number) {
		auto waiting = sleeping_in(number, wait);

		waiting.signal(SIGUSR1);
		return waiting.get().error() == std::errc::interrupted;
	};
	CHECK(interrupted([&] { return blocking.read(); }, SYS_read));
	CHECK(interrupted([&] { return polled.poll(); }, SYS_poll));
}
