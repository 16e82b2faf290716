// SPDX-License-Identifier: GPL-2.0-only
/*
 * 32-bit programs: selftests/compat/ plays its scenes on the backend under test, and what it prints
 * has to be this, which leaves no room for a difference between the backends.
 */
#include "harness/backend.hpp"
#include "harness/harness.hpp"
#include "lib/command.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <unistd.h>
#include <userfault/socket.hpp>

using namespace selftests;
using namespace userfault;

namespace {

/* scripts/lib/testlib/suite.py takes it along. */
const std::string program = "/lib/compat";

/* Checks that a scene prints @wanted, which starts on a line of its own. */
void check_scene(const std::string &scene, const std::string &wanted)
{
	if (::access(program.c_str(), X_OK))
		skip(program + " is not there");
	const auto outcome = run({program, scene, device_of(backend_under_test())});

	CHECK('\n' + outcome.output == wanted);
	CHECK(outcome.status == 0);
}

} // namespace

TEST_CASE("a 32-bit program makes a context and shakes hands", "[compat]")
{
	check_scene("handshake", R"(
unknown flags: EINVAL
unknown command of the device: EINVAL
flags of the descriptor: 1
does not block: 1
poll before it: 8
read before it: EINVAL
register before it: EINVAL
unknown version: EINVAL
struct that can't be read: EFAULT
unknown feature: EINVAL
handshake: 0
version: 170
register is offered: 1
events are offered: 1
once more: EINVAL
poll: 0
read of too little: EINVAL
fdinfo pending: 0
fdinfo total: 0
)");
}

TEST_CASE("a 32-bit program can name only ranges of its own", "[compat]")
{
	check_scene("ranges", R"(
above 2 GiB: 1
register: 0
register what is another's: EBUSY
register half a page: EINVAL
register nothing: EINVAL
register the last page: EINVAL
register over the end: EINVAL
register beyond: EINVAL
register the same beyond: EINVAL
register too much: EINVAL
register too much by far: EINVAL
wake beyond: EINVAL
copy to beyond: EINVAL, 0
copy too much: EINVAL, 0
zero beyond: EINVAL, 0
protect beyond: EINVAL
continue beyond: EINVAL, 0
unregister beyond: EINVAL
wake: 0
unregister: 0
copy to no region: ENOENT, -2
)");
}

TEST_CASE("a 32-bit program fills memory", "[compat]")
{
	check_scene("fill", R"(
copy: 0, 8192
copy to what is there: EEXIST, -17
copy until there is something: EAGAIN, 4096
copy from nowhere: EFAULT, -14
zero: 0, 16384
zero what is there: EEXIST, -17
copy of half a page: EINVAL, 0
unaligned copy: 0, 4096
memory: abc0000
a page of two letters: 1
)");
}

TEST_CASE("a 32-bit program poisons memory", "[compat]")
{
	need(Features::Poison);
	check_scene("poison", R"(
copy: 0, 4096
poison: 0, 8192
poison what is there: EEXIST, -17
poison beyond: EINVAL, 0
signal: 7
for memory errors: 1
at: 8197
memory: a
)");
}

TEST_CASE("a 32-bit program moves pages", "[compat]")
{
	need(Features::Move);
	check_scene("move", R"(
move: 0, 8192
move to what is there: EEXIST, -17
move of nothing: ENOENT, -2
move to beyond: EINVAL, 0
move from beyond: EINVAL, 0
memory: ab
source: 00c
)");
}

TEST_CASE("a 32-bit program serves its faults", "[compat]")
{
	check_scene("faults", R"(
read of nothing: EAGAIN
poll: 1
reader: 32
reader: fault at 0x1000, flags 0
its thread: 1
fdinfo pending: 0
fdinfo total: 1
copy: 0, 4096
fdinfo total: 0
it has seen: 1
writer: 32
writer: fault at 0x2000, flags 0x1
copy without waking: 0, 4096
wake: 0
it has written: 1
)");
}

TEST_CASE("a 32-bit program serves faults of its system calls", "[compat]")
{
	check_scene("kernel-fault", R"(
system call: 32
system call: fault at 0x1000, flags 0
copy: 0, 4096
read: 4096
passed on: b
)");
}

TEST_CASE("a 32-bit program protects memory", "[compat]")
{
	check_scene("protection", R"(
protected copy: 0, 8192
unprotect the second: 0
writer: 32
writer: fault at 0, flags 0x3
not yet written: a
unprotect: 0
written: 1
protect: 0
protect without waking: EINVAL
)");
}

TEST_CASE("a 32-bit program serves minor faults", "[compat]")
{
	check_scene("minor", R"(
reader: 32
reader: fault at 0x1000, flags 0x4
continue: 0, 4096
it has seen: 1
continue again: EEXIST, -17
continue a hole: EFAULT, -14
)");
}

TEST_CASE("a 32-bit program is told of events and serves its child", "[compat]")
{
	check_scene("events", R"(
madvise: 32
madvise: remove of 0 to 0x2000
munmap: 32
munmap: unmap of 0x3000 to 0x4000
mremap: 32
mremap: remap of 0x1000 at 0x4000
what it leaves: 32
what it leaves: unmap of 0x4000 to 0x5000
fork: 32
fork: fork
its child: 32
its child: fault at 0x2000, flags 0
copy to it: 0, 4096
it has seen: 1
)");
}

namespace {

/* The end of a pair of sockets that the program is to find as descriptor 3. */
std::function<void()> as_third(const Fd &socket)
{
	return [&socket] { checked(::dup2(socket.get(), 3)); };
}

} // namespace

TEST_CASE("a 64-bit program fills a 32-bit one from memory above 4 GiB", "[compat]")
{
	if (::access(program.c_str(), X_OK))
		skip(program + " is not there");
	const auto sockets = take(socket_pair());
	Command watched({program, "watched", device_of(backend_under_test())},
			as_third(sockets.second));
	std::uint64_t start = 0;
	const auto context = Context::adopt(take(receive_fd(
		sockets.first.get(), std::as_writable_bytes(std::span(&start, 1)))));
	const Memory high(2);

	REQUIRE(high.address(0) >> 32 != 0);
	REQUIRE(start >> 32 == 0);
	std::memset(high.page(0), 'x', page_size());
	std::memset(high.page(1), 'y', page_size());
	const auto progress = context.copy(start, high.bytes(0, 2));
	if (backend_under_test() == Backend::native && !native_before(6, 6)) {
		/* The source is checked against the wrong process's address space. */
		CHECK(progress.error.value() == EINVAL);
		CHECK(context.zeropage({start, 2 * page_size()}));
		CHECK(watched.wait() == 0);
		return;
	}
	CHECK(progress);
	CHECK(watched.wait() == 0);
	CHECK(watched.output() == "memory: xy\n");
}

TEST_CASE("a 32-bit program fills a 64-bit one from memory of its own alone", "[compat]")
{
	if (::access(program.c_str(), X_OK))
		skip(program + " is not there");
	const World world(4);
	const auto sockets = take(socket_pair());
	std::uint64_t start = world.memory.address(0);

	take(send_fd(sockets.first.get(), world.context.fd(),
		     std::as_bytes(std::span(&start, 1))));
	const auto outcome = run({program, "monitor", device_of(backend_under_test())},
				 as_third(sockets.second));
	/* Natively the source is checked against the wrong process's address space, if at all. */
	const std::string beyond = backend_under_test() == Backend::module ? "EINVAL, 0"
									   : "EFAULT, -14";

	CHECK(outcome.output == "the memory is above 4 GiB: 1\n"
				"copy from above 4 GiB: " + beyond + "\n"
				"copy from over 4 GiB: " + beyond + "\n"
				"copy: 0, 8192\n"
				"wake: 0\n"
				"zero: 0, 4096\n"
				"move: EINVAL, 0\n");
	CHECK(outcome.status == 0);
	CHECK(world.memory.page(0)[1] == std::byte{'a'});
	CHECK(world.memory.page(1)[1] == std::byte{'b'});
}
