// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context that is opened, passed on or closed while an allocation, or a copy from or to user
 * memory, fails.
 */
#include "lib/fail_nth.hpp"
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <linux/userfault.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <userfault/socket.hpp>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* That of a new context, which no handshake has been made with. */
long new_descriptor(const Fd &device)
{
	return ::ioctl(device.get(), USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
}

/* Whether a context does what it is for. */
void check_works(const Context &context)
{
	const Memory memory(1);

	take(context.register_range(memory.range(), Modes::Missing));
	fill(context, memory, 0);
	CHECK(memory.word(0) == pattern_word(0));
	take(context.unregister_range(memory.range()));
}

/* For how many descriptors the process has room. */
int size_of_descriptor_table()
{
	std::ifstream file("/proc/self/status");

	for (std::string word; file >> word;)
		if (int size; word == "FDSize:" && file >> size)
			return size;
	give_up("the process's status doesn't say how large its table of descriptors is");
}

/* Opens descriptors until there is no room for another one. */
std::vector<Fd> fill_descriptor_table()
{
	const int size = size_of_descriptor_table();
	std::vector<Fd> all;

	do
		all.emplace_back(static_cast<int>(checked(::dup(STDOUT_FILENO))));
	while (all.back().get() < size - 1);
	return all;
}

} // namespace

TEST_CASE("a context that can't be opened leaves no descriptor behind", "[injected][api]")
{
	const Fd device(static_cast<int>(
		checked(::open(device_of(backend_under_test()).c_str(), O_RDWR | O_CLOEXEC))));

	fail_each([&](FailNth &nth) {
		const auto before = next_descriptor();
		long descriptor = -1;

		if (const int error = nth([&] { return descriptor = new_descriptor(device); })) {
			CHECK(error == ENOMEM);
			CHECK(next_descriptor() == before);
			descriptor = checked(new_descriptor(device));
		}
		const auto context = Context::adopt(Fd(static_cast<int>(descriptor)));
		take(context.handshake());
		check_works(context);
	});
}

/*
 * The process needs a larger table of descriptors each time, until it would be larger than it may
 * be. Each call that gets so far makes it larger, even if the call fails later.
 */
TEST_CASE("a context that finds no memory for its descriptor can be opened later",
	  "[injected][api]")
{
	constexpr int enough = 8192; /* calls that get through a failure make it larger, too */
	const rlimit limit = {enough, enough};
	checked(::setrlimit(RLIMIT_NOFILE, &limit));
	const Fd device(static_cast<int>(
		checked(::open(device_of(backend_under_test()).c_str(), O_RDWR | O_CLOEXEC))));
	unsigned refused = 0;

	fail_each(Shortage::moment, [&](FailNth &nth) {
		const int size = size_of_descriptor_table();
		auto descriptors = size < enough ? fill_descriptor_table() : std::vector<Fd>{};
		Fd context;

		const int error = nth([&] {
			const long opened = new_descriptor(device);

			context = Fd(static_cast<int>(opened));
			return opened;
		});
		CHECK((error == 0 || error == ENOMEM));
		descriptors.clear();
		if (size < enough)
			refused += error && size_of_descriptor_table() == size;
	});
	CHECK(refused > 1); /* one of them has found no memory for the context itself */
}

TEST_CASE("a handshake that fails can be made again", "[injected][api]")
{
	fail_each([&](FailNth &nth) {
		const auto context = take(Context::create(options_for()));
		uffdio_api api{.api = UFFD_API, .features = bits(every_event), .ioctls = 0};

		if (const int error =
			    nth([&] { return ::ioctl(context.fd(), UFFDIO_API, &api); })) {
			CHECK(error == EFAULT);
			api = {.api = UFFD_API, .features = bits(every_event), .ioctls = 0};
			REQUIRE(::ioctl(context.fd(), UFFDIO_API, &api) == 0);
		}
		CHECK((api.features & bits(every_event)) == bits(every_event));
		check_works(context);
	});
}

/* There are five mappings before, which become one again if there is memory for that. */
TEST_CASE("a context that is closed while memory is short leaves nothing registered",
	  "[injected][register]")
{
	const Memory memory(6);

	for (std::size_t i = 0; i < memory.pages(); i++)
		write_pattern(memory.bytes(i, 1), i);
	fail_each_and_go_on([&](FailNth &nth) {
		auto context = open_context();

		take(context.register_range(memory.range(1, 1), Modes::Missing));
		take(context.register_range(memory.range(2, 2), Modes::WriteProtect));
		take(context.write_protect(memory.range(2, 2)));
		take(context.register_range(memory.range(5, 1), Modes::Missing));
		const int descriptor = context.release().release();

		CHECK(nth([&] { return ::close(descriptor); }) == 0);
		CHECK(std::ranges::count(registered_for(memory.range()), "none") == 6);
		CHECK_FALSE(is_protected_at(memory.address(2)));
		CHECK(count_patterned(memory) == 6);
		memory.word(3) = memory.word(3);
	});
}

TEST_CASE("a context that can't be passed on stays with its owner", "[injected][scm_rights]")
{
	const World world(1);
	const auto sockets = take(socket_pair());
	std::array<std::byte, 1> payload{};

	fail_each([&](FailNth &nth) {
		if (const int error = nth([&] {
			    return send_fd(sockets.first.get(), world.context.fd(), payload);
		    })) {
			CHECK((is_injected(error) || error == ENOBUFS));
			take(send_fd(sockets.first.get(), world.context.fd(), payload));
		}
		const auto received =
			Context::adopt(take(receive_fd(sockets.second.get(), payload)));
		fill(received, world.memory, 0);
		CHECK(world.memory.word(0) == pattern_word(0));
		world.memory.drop(0, 1);
	});
}
