// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses to registered memory in which an allocation fails. The processor makes the access again,
 * and a system call returns EFAULT; in the end the thread gets its page.
 */
#include "lib/fail_nth.hpp"
#include "lib/files.hpp"
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"
#include "lib/protection.hpp"
#include "lib/tracked.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

/* Reads the first word of a page, with a failure. */
using Read = std::uint64_t (*)(FailNth &nth, Address page);

std::uint64_t read_by_thread(FailNth &nth, Address page)
{
	std::uint64_t word = 0;

	CHECK(nth([&] {
		      word = *reinterpret_cast<const volatile std::uint64_t *>(page);
		      return 0L;
	      }) == 0);
	return word;
}

std::uint64_t read_by_system_call(FailNth &nth, Address page)
{
	const Pipe pipe;
	std::uint64_t word = 0;
	const auto call = [&] {
		return ::write(pipe.in.get(), reinterpret_cast<const void *>(page), sizeof(word));
	};

	if (const int error = nth(call)) {
		CHECK(is_injected(error));
		REQUIRE(call() == sizeof(word));
	}
	REQUIRE(::read(pipe.out.get(), &word, sizeof(word)) == sizeof(word));
	return word;
}

/* Reads page 1 of new memory, which has a page table to itself, and none yet. */
void read_with_a_failure(FailNth &nth, Read read, const Context &context, Address page,
			 const Monitor::Answer &answer)
{
	const Monitor monitor(context, answer);

	CHECK(read(nth, page) == pattern_word(1));
	CHECK(monitor.told() > 0);
	CHECK(fdinfo(context.fd()).total == 0);
}

void read_missing(MemoryKind kind, Read read)
{
	fail_each_and_go_on(Shortage::moment, [&](FailNth &nth) {
		const World world(Memory::aligned(page_table, huge_page, kind), Modes::Missing);

		read_with_a_failure(nth, read, world.context, world.memory.address(1),
				    [&](const Fault &fault) {
					    world.fill(world.memory.index_of(fault.address));
				    });
		CHECK(has_pattern(world.memory.bytes(1, 1), 1));
		CHECK_FALSE(is_there(world.memory, 0));
	});
}

void read_missing_huge(MemoryKind kind, Read read)
{
	const HugePages pool(1);
	const HugeSource source(1, 1);

	fail_each_and_go_on(Shortage::moment, [&](FailNth &nth) {
		const auto memory = HugeMemory::sparse(kind);
		const auto context = open_context();

		take(context.register_range(memory.range(), Modes::Missing));
		read_with_a_failure(nth, read, context, memory.address(1), [&](const Fault &fault) {
			if (!context.copy(fault.address, source.bytes(0, 1)))
				give_up("a huge page can't be filled");
		});
		CHECK(memory.has_pattern(1, 1));
		CHECK_FALSE(memory.is_there(0));
	});
	CHECK(pool.pool() == HugePagePool{1, 1, 0});
}

/* The file has the page. */
void read_minor(int sharing, Read read)
{
	const auto file = shmem_file(page_table);
	const Memory other(2, file, MAP_SHARED);

	need(Features::MinorShmem);
	write_pattern(other.bytes(1, 1), 1);
	fail_each_and_go_on(Shortage::moment, [&](FailNth &nth) {
		const World world(Memory::aligned(page_table, huge_page, file, sharing),
				  Modes::Minor);

		read_with_a_failure(nth, read, world.context, world.memory.address(1),
				    [&](const Fault &fault) {
					    if (fault.flags != FaultFlags::Minor ||
						!world.context.resume({fault.address, page_size()}))
						    give_up("a page of the file can't be mapped");
				    });
		CHECK(has_pattern(world.memory.bytes(1, 1), 1));
		CHECK_FALSE(is_there(world.memory, 0));
	});
}

void read_minor_huge(int sharing, Read read)
{
	need_failures(); /* elsewhere there may be no room for so large a mapping */
	const HugePages pool(1);
	const auto file = huge_file(gigantic_page_size / page_size());
	const auto other = HugeMemory::sparse(file, MAP_SHARED);

	need(Features::MinorHugetlbfs);
	other.write_pattern(1, 1);
	fail_each_and_go_on(Shortage::moment, [&](FailNth &nth) {
		const auto memory = HugeMemory::sparse(file, sharing);
		const auto context = open_context();

		take(context.register_range(memory.range(), Modes::Minor));
		read_with_a_failure(nth, read, context, memory.address(1), [&](const Fault &fault) {
			if (fault.flags != FaultFlags::Minor ||
			    !context.resume({fault.address, huge_page_size}))
				give_up("a huge page of the file can't be mapped");
		});
		CHECK(memory.has_pattern(1, 1));
		CHECK_FALSE(memory.is_there(0));
	});
}

constexpr int sharing_of(MemoryKind kind)
{
	return kind == MemoryKind::private_file || kind == MemoryKind::private_huge_file
		       ? MAP_PRIVATE
		       : MAP_SHARED;
}

} // namespace

MEMORY_TEST_CASE("a thread that finds no memory in its fault gets its page", "[injected][fault]")
{
	read_missing(TestType::kind, read_by_thread);
}

MEMORY_TEST_CASE("a system call that finds no memory in its fault can be made again",
		 "[injected][fault]")
{
	read_missing(TestType::kind, read_by_system_call);
}

HUGE_TEST_CASE("a thread that finds no memory in its fault gets its huge page",
	       "[injected][fault][hugetlb]")
{
	read_missing_huge(TestType::kind, read_by_thread);
}

HUGE_TEST_CASE("a system call that finds no memory in its fault on a huge page can be made again",
	       "[injected][fault][hugetlb]")
{
	read_missing_huge(TestType::kind, read_by_system_call);
}

TEMPLATE_TEST_CASE("a thread that finds no memory in its minor fault gets the file's page",
		   "[injected][fault][minor]", SharedFile, PrivateFile)
{
	read_minor(sharing_of(TestType::kind), read_by_thread);
}

TEMPLATE_TEST_CASE("a system call that finds no memory in its minor fault can be made again",
		   "[injected][fault][minor]", SharedFile, PrivateFile)
{
	read_minor(sharing_of(TestType::kind), read_by_system_call);
}

TEMPLATE_TEST_CASE("a thread that finds no memory in its minor fault gets the file's huge page",
		   "[injected][fault][minor][hugetlb]", SharedHugeFile, PrivateHugeFile)
{
	read_minor_huge(sharing_of(TestType::kind), read_by_thread);
}

TEMPLATE_TEST_CASE("a system call that finds no memory in its minor fault on a huge page can be "
		   "made again",
		   "[injected][fault][minor][hugetlb]", SharedHugeFile, PrivateHugeFile)
{
	read_minor_huge(sharing_of(TestType::kind), read_by_system_call);
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
