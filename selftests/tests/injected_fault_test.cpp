// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses to registered memory in which an allocation fails. The processor makes the access again,
 * and a system call returns EFAULT; in the end the thread gets its page.
 */
#include "lib/fail_nth.hpp"
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"
#include "lib/protection.hpp"
#include "lib/tracked.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

/* Accesses each time a page of new memory, which has a page table to itself, and none yet. */
template <class Access> void access_with_failures(MemoryKind kind, const Access &access)
{
	fail_each_and_go_on(Shortage::moment, [&](FailNth &nth) {
		const World world(Memory::aligned(page_table, huge_page, kind), Modes::Missing);
		const Monitor monitor(world.context, [&](const Fault &fault) {
			fill(world.context, world.memory, world.memory.index_of(fault.address));
		});

		access(nth, world);
		CHECK(monitor.told() > 0);
		CHECK(has_pattern(world.memory.bytes(1, 1), 1));
		CHECK_FALSE(is_there(world.memory, 0));
		CHECK(fdinfo(world.context.fd()).total == 0);
	});
}

} // namespace

MEMORY_TEST_CASE("a thread that finds no memory in its fault gets its page", "[injected][fault]")
{
	access_with_failures(TestType::kind, [](FailNth &nth, const World &world) {
		std::uint64_t word = 0;

		CHECK(nth([&] {
			      word = world.memory.word(1);
			      return 0L;
		      }) == 0);
		CHECK(word == pattern_word(1));
	});
}

MEMORY_TEST_CASE("a system call that finds no memory in its fault can be made again",
		 "[injected][fault]")
{
	const Pipe pipe;

	access_with_failures(TestType::kind, [&](FailNth &nth, const World &world) {
		const auto call = [&] { return ::write(pipe.in.get(), world.memory.page(1), 8); };
		std::uint64_t word = 0;

		if (const int error = nth(call)) {
			CHECK(is_injected(error));
			REQUIRE(call() == 8);
		}
		REQUIRE(::read(pipe.out.get(), &word, sizeof(word)) == sizeof(word));
		CHECK(word == pattern_word(1));
	});
}

namespace {

/*
 * Writes to a protected page, with failures. The page is the zero page, so that the write needs a
 * new one. @Protected is a Guarded or a Tracked.
 */
template <class Protected> void write_with_failures()
{
	const auto read = [](const Memory &memory) { CHECK(memory.word(1) == 0); };

	fail_each_and_go_on(Shortage::moment, [&](FailNth &nth) {
		const Protected world(Memory(2), read);
		const Monitor monitor(world.context, [&](const Fault &) { world.unprotect(1, 1); });

		world.protect(1, 1);
		CHECK(nth([&] {
			      world.memory.word(1) = 5;
			      return 0L;
		      }) == 0);
		CHECK(monitor.told() > 0);
		CHECK(world.memory.word(1) == 5);
		CHECK(world.only_protected(0, 0));
	});
}

} // namespace

TEST_CASE("a thread that finds no memory to write to a protected page writes to it",
	  "[injected][fault][wp]")
{
	write_with_failures<Guarded>();
}

TEST_CASE("a thread that finds no memory to write to a page without access writes to it",
	  "[injected][fault][rwp]")
{
	need(Features::Rwp);
	write_with_failures<Tracked>();
}

TEST_CASE("a wake that can't read its range wakes nobody, and can be made again",
	  "[injected][wake]")
{
	const World world(1);
	const auto source = patterned(1);
	const auto wake = [&] { return world.context.wake(world.memory.range()); };

	fail_each([&](FailNth &nth) {
		auto reader = in_thread([&] { return world.memory.word(0) + 0; });

		next_fault(world.context);
		REQUIRE(world.context.copy(world.memory.address(0), source.bytes(0, 1),
					   CopyModes::DontWake));
		if (const int error = nth(wake)) {
			CHECK(error == EFAULT);
			CHECK_FALSE(is_done(reader));
			REQUIRE(wake());
		}
		CHECK(reader.get() == pattern_word(0));
		world.memory.drop(0, 1);
	});
}
