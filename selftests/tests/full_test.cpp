// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling when there is no room left: in a full file system, or in a control group at its limit. A
 * page that is there already needs no room, and room that was paid for a page that was not filled
 * is given back.
 */
#include "lib/consumer.hpp"
#include "lib/files.hpp"
#include "lib/memory_group.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* A file in a file system with @room pages, and registered memory that is a mapping of it. */
struct SmallFileSystem {
	SmallFileSystem(std::size_t pages, std::size_t room_for)
		: file(tmpfs_file(pages, "size", std::to_string(room_for * page_size()).c_str())),
		  world(Memory(pages, file, MAP_SHARED), Modes::Missing)
	{
	}

	Progress copy(std::size_t first, const Memory &source, std::size_t count) const
	{
		return world.context.copy(world.memory.address(first), source.bytes(first, count));
	}

	/* How many pages the file has, and how many it pays for. */
	std::size_t pages_there() const
	{
		std::vector<unsigned char> there(world.memory.pages());

		checked(::mincore(world.memory.page(0), there.size() * page_size(), there.data()));
		return static_cast<std::size_t>(std::ranges::count(there, 1));
	}

	std::size_t pages_paid() const
	{
		struct stat status;

		checked(::fstat(file.get(), &status));
		return static_cast<std::size_t>(status.st_blocks) * 512 / page_size();
	}

	/* How many pages the file system still has room for. */
	std::size_t room() const
	{
		struct statvfs status;

		checked(::fstatvfs(file.get(), &status));
		return status.f_bfree;
	}

	void punch(std::size_t first, std::size_t count) const
	{
		checked(::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    static_cast<off_t>(first * page_size()),
				    static_cast<off_t>(count * page_size())));
	}

	Fd file;
	World world;
};

/*
 * The error for a page that is there in a full file system: before Linux 7.2, native userfaultfd
 * looks for room first.
 */
int there_but_full()
{
	return native_before(7, 2) ? ENOMEM : EEXIST;
}

/* Fills all pages in order, by copies of @most pages. Returns an unexpected error, or 0. */
int fill_all(const SmallFileSystem &system, const Memory &source, std::size_t most)
{
	const auto pages = source.pages();

	for (std::size_t next = 0; next < pages;) {
		const auto progress = system.copy(next, source, std::min(most, pages - next));

		if (progress.error && progress.error.value() != EAGAIN &&
		    progress.error.value() != EEXIST)
			return progress.error.value();
		next += progress.done ? progress.done / page_size() : 1;
	}
	return 0;
}

/* The same by copies of single pages, backwards from the end. */
int fill_backwards(const SmallFileSystem &system, const Memory &source)
{
	for (std::size_t next = source.pages(); next-- > 0;) {
		const auto error = system.copy(next, source, 1).error;

		if (error && error.value() != EEXIST)
			return error.value();
	}
	return 0;
}

/* Fills various pages until @done; they may be there already, or find no room. */
void fill_until(const SmallFileSystem &system, const Memory &source, const std::atomic<bool> &done)
{
	const auto pages = source.pages();

	for (std::size_t n = 0; !done; n++) {
		const auto first = n * 37 % pages;
		const auto error =
			system.copy(first, source, std::min(pages - first, n * 11 % 70 + 1))
				.error.value();

		if (error && error != EEXIST && error != EAGAIN && error != ENOMEM)
			give_up("an unexpected error");
	}
}

/* Writes to a page of the file. Returns an error, or 0. */
int write_page(const SmallFileSystem &system, std::size_t page)
{
	const std::vector<std::byte> content(page_size(), std::byte{1});

	return ::pwrite(system.file.get(), content.data(), content.size(),
			static_cast<off_t>(page * page_size())) < 0
		       ? errno
		       : 0;
}

/* The same again and again until @done, and each time the page is dropped. */
int write_until(const SmallFileSystem &system, std::size_t page, const std::atomic<bool> &done)
{
	while (!done) {
		if (const int error = write_page(system, page))
			return error;
		system.punch(page, 1);
	}
	return 0;
}

/* What the kernel has promised to processes and files, in kilobytes. */
std::size_t committed()
{
	std::ifstream file("/proc/meminfo");
	std::size_t kilobytes;

	for (std::string word; file >> word;)
		if (word == "Committed_AS:" && file >> kilobytes)
			return kilobytes;
	give_up("no Committed_AS");
}

/*
 * Fills pages and punches holes at the same time, so that afterwards any page may be there or not.
 */
void fill_and_punch(const SmallFileSystem &system)
{
	const auto pages = system.world.memory.pages();
	const auto source = patterned(pages);
	std::atomic<bool> done = false;
	auto one = in_thread([&] { fill_until(system, source, done); });
	auto other = in_thread([&] { fill_until(system, source, done); });

	for (std::size_t n = 0; n < repeated(150); n++) {
		const auto first = n * 53 % pages;

		system.punch(first, std::min(pages - first, n * 7 % 64 + 1));
	}
	done = true;
	one.get();
	other.get();
}

} // namespace

TEST_CASE("a page that is there stays as it is in a full file system", "[full]")
{
	const std::size_t pages = 16;
	const SmallFileSystem system(pages, pages);
	const auto source = patterned(pages), other = patterned(pages, 50);

	REQUIRE(system.copy(0, source, pages));
	REQUIRE(system.room() == 0);
	for (const std::size_t count : {1uz, 4uz, pages}) {
		const auto range = system.world.memory.range(0, count);

		CHECK(system.copy(0, other, count).error.value() == there_but_full());
		CHECK(system.world.context.zeropage(range).error.value() == there_but_full());
	}
	CHECK(count_patterned(system.world.memory) == pages);
	CHECK(system.pages_paid() == pages);
}

TEST_CASE("two threads fill a file that its file system has just enough room for", "[full][smp]")
{
	if (native_before(7, 2))
		skip("native userfaultfd of this kernel looks for room first");
	const std::size_t pages = 512;
	const SmallFileSystem system(pages, pages);
	const auto source = patterned(pages);

	for (unsigned round = 0; round < repeated(20); round++) {
		auto runs = in_thread([&] { return fill_all(system, source, 64); });

		REQUIRE(fill_backwards(system, source) == 0);
		REQUIRE(runs.get() == 0);
		REQUIRE(system.pages_there() == pages);
		REQUIRE(system.pages_paid() == pages);
		system.punch(0, pages);
		REQUIRE(system.room() == pages);
	}
}

/*
 * The copies have nothing to pay for. If they had, the write could fail on any kernel: while shmem
 * counts a new page that isn't paid for, it doesn't see that another one was dropped.
 */
TEST_CASE("a write beside copies of pages that are there finds room for its page", "[full][smp]")
{
	if (native_before(7, 2))
		skip("native userfaultfd of this kernel looks for room first");
	const std::size_t pages = 512;
	const SmallFileSystem system(pages + 1, pages + 1);
	const auto source = patterned(pages);
	std::atomic<bool> done = false;

	for (std::size_t page = 0; page < pages; page++)
		REQUIRE(write_page(system, page) == 0);
	auto writer = in_thread([&] { return write_until(system, pages, done); });
	for (unsigned round = 0; round < repeated(20); round++) {
		auto runs = in_thread([&] { return fill_all(system, source, 64); });
		const int backwards = fill_backwards(system, source);

		CHECK(runs.get() == 0);
		CHECK(backwards == 0);
	}
	done = true;
	REQUIRE(writer.get() == 0);
	CHECK(system.pages_paid() == pages);
}

TEST_CASE("room that was paid for pages that were not filled is given back", "[full][smp]")
{
	const std::size_t pages = 200, room = 100;
	const MemoryGroup group;
	const SmallFileSystem system(pages, room);

	CHECK(system.room() == room); /* its own data is shmem too, but not the group's */
	group.add(::getpid());
	fill_and_punch(system); /* a first time, so that the threads have what they need */
	system.punch(0, pages);
	const auto before = committed();

	fill_and_punch(system);
	CHECK(system.pages_paid() == system.pages_there());
	CHECK(system.room() == room - system.pages_there());
	wait_until("the group has counted the pages", [&] {
		return group.field("memory.stat", "shmem") == system.pages_there() * page_size();
	});
	system.punch(0, pages);
	CHECK(system.pages_paid() == 0);
	CHECK(system.room() == room);
	/* Other processes also commit memory and free it again. */
	wait_until("what was committed is free again", [&] { return committed() <= before; });
	wait_until("the group has given them back",
		   [&] { return group.field("memory.stat", "shmem") == 0; });
}

MEMORY_TEST_CASE("a page that is there is EEXIST in a group at its limit", "[full]")
{
	/* Native userfaultfd charges for a page before it finds that it can't use it. */
	const std::size_t room = backend_under_test() == Backend::native ? 16 : 0;
	const MemoryGroup group;
	Consumer consumer(64, TestType::kind, [](const Memory &) {
		::pause();
		return 0;
	});
	const auto source = patterned(64);

	group.add(consumer.process.pid());
	REQUIRE(consumer.context.copy(consumer.memory.address(0), source.bytes(0, 1)));
	group.limit(room * page_size());
	for (const std::size_t count : {64uz, 1uz})
		CHECK(consumer.context.copy(consumer.memory.address(0), source.bytes(0, count))
			      .error.value() == EEXIST);
	CHECK(group.field("memory.events", "oom") == 0);
	CHECK(group.field("memory.events", "oom_kill") == 0);
}
