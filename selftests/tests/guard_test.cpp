// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guard regions (since Linux 6.13) in registered memory: pages that are neither there nor missing.
 */
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif

using namespace selftests;
using namespace userfault;

namespace {

void guard(const Memory &memory, std::size_t index)
{
	if (::madvise(memory.page(index), page_size(), MADV_GUARD_INSTALL))
		skip("the kernel has no guard regions");
}

/* The errno when the kernel reads a page for this process; 0 if it could be read. */
int read_error(const Memory &memory, std::size_t index)
{
	char byte;
	iovec to = {&byte, 1}, from = {memory.page(index), 1};

	return ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0) == 1 ? 0 : errno;
}

} // namespace

TEST_CASE("a guard region is not filled", "[guard]")
{
	const World world(3);
	const auto source = patterned(3);

	guard(world.memory, 1);
	const auto one = world.context.copy(world.memory.address(1), source.bytes(1, 1));
	CHECK(one.done == 0);
	CHECK(one.error == std::errc::file_exists);
	const auto zeroes = world.context.zeropage(world.memory.range(1, 1));
	CHECK(zeroes.done == 0);
	CHECK(zeroes.error == std::errc::file_exists);
	CHECK(world.context.copy(world.memory.address(0), source.bytes(0, 3)).done == page_size());
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
	CHECK(read_error(world.memory, 1) == EFAULT);

	checked(::madvise(world.memory.page(1), page_size(), MADV_GUARD_REMOVE));
	CHECK(world.context.copy(world.memory.address(1), source.bytes(1, 2)));
	CHECK(count_patterned(world.memory) == 3);
}

TEST_CASE("touching a guard region is not reported", "[guard]")
{
	const World world(1);

	guard(world.memory, 0);
	CHECK(read_error(world.memory, 0) == EFAULT);
	CHECK(fdinfo(world.context.fd()).total == 0);
}
