// SPDX-License-Identifier: GPL-2.0-only
/*
 * 32-bit programs: the tests of the raw ABI in selftests/abi/, built for 32 bits, and
 * selftests/compat/monitors.c, which is at the other end of a context from a 64-bit program.
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
#include <sstream>
#include <string>
#include <unistd.h>
#include <userfault/socket.hpp>

using namespace selftests;
using namespace userfault;

namespace {

/* scripts/lib/testlib/suite.py carries the programs there. */
const std::string programs = "/lib/32/";
const std::string program = programs + "monitors";

void need_program(const std::string &path)
{
	if (::access(path.c_str(), X_OK))
		skip(path + " is not there");
}

/* A report of kselftest_harness.h; a test that was skipped has not passed. */
bool has_passed_test(const std::string &report)
{
	std::istringstream lines(report);

	for (std::string line; std::getline(lines, line);)
		if (line.starts_with("ok ") && !line.contains("# SKIP"))
			return true;
	return false;
}

/* Runs the tests of selftests/abi/@name.c on the backend under test, of the two that they know. */
void check_abi(const std::string &name)
{
	const auto path = programs + name;

	need_program(path);
	const auto outcome = run({path, "-v", name_of(backend_under_test())});

	INFO(outcome.output);
	CHECK(outcome.status == 0);
	CHECK(has_passed_test(outcome.output));
}

} // namespace

TEST_CASE("the handshake passes the tests in C in 32 bits", "[compat][api]")
{
	check_abi("abi_handshake");
}

TEST_CASE("registering passes the tests in C in 32 bits", "[compat][register]")
{
	check_abi("abi_register");
}

TEST_CASE("filling passes the tests in C in 32 bits", "[compat][copy]")
{
	check_abi("abi_fill");
}

TEST_CASE("faults pass the tests in C in 32 bits", "[compat][fault]")
{
	check_abi("abi_wait");
}

TEST_CASE("protecting, poisoning and moving pass the tests in C in 32 bits", "[compat]")
{
	check_abi("abi_pages");
}

TEST_CASE("read-write protection passes the tests in C in 32 bits", "[compat][rwp]")
{
	check_abi("abi_rwp");
}

TEST_CASE("events pass the tests in C in 32 bits", "[compat][event]")
{
	check_abi("abi_events");
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
	need_program(program);
	const auto sockets = take(socket_pair());
	Command watched({program, "watched", device_of(backend_under_test())},
			as_third(sockets.second));
	std::uint64_t start = 0;
	const auto context = Context::adopt(take(
		receive_fd(sockets.first.get(), std::as_writable_bytes(std::span(&start, 1)))));
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
	need_program(program);
	const World world(4);
	const auto sockets = take(socket_pair());
	std::uint64_t start = world.memory.address(0);

	take(send_fd(sockets.first.get(), world.context.fd(), std::as_bytes(std::span(&start, 1))));
	const auto outcome = run({program, "monitor", device_of(backend_under_test())},
				 as_third(sockets.second));
	/* Natively the source is checked against the wrong process's address space, if at all. */
	const std::string beyond =
		backend_under_test() == Backend::module ? "EINVAL, 0" : "EFAULT, -14";

	CHECK(outcome.output == "the memory is above 4 GiB: 1\n"
				"copy from above 4 GiB: " +
					beyond +
					"\n"
					"copy from across 4 GiB: " +
					beyond +
					"\n"
					"copy: 0, 8192\n"
					"wake: 0\n"
					"zero: 0, 4096\n"
					"move: EINVAL, 0\n");
	CHECK(outcome.status == 0);
	CHECK(world.memory.page(0)[1] == std::byte{'a'});
	CHECK(world.memory.page(1)[1] == std::byte{'b'});
}
