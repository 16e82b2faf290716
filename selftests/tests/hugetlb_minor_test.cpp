// SPDX-License-Identifier: GPL-2.0-only
/* hugetlb memory: minor faults, and page tables that mappings share. Counts in huge pages. */
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <linux/userfault.h>
#include <sys/mman.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr int sharing_of(MemoryKind kind)
{
	return kind == MemoryKind::private_huge_file ? MAP_PRIVATE : MAP_SHARED;
}

/* Puts huge pages with their patterns into the file. */
void write(const HugeFileWorld &file, std::size_t first, std::size_t count)
{
	for (std::size_t i = first; i < first + count; i++)
		file.other.write_pattern(i, i);
}

Progress resume(const HugeFileWorld &file, std::size_t first, std::size_t count)
{
	return file.context.resume(file.memory.range(first, count));
}

} // namespace

#define HUGE_FILE_TEST_CASE(name, tags)                                                            \
	TEMPLATE_TEST_CASE(name, tags, PrivateHugeFile, SharedHugeFile)

HUGE_FILE_TEST_CASE("a fault on a huge page that the file has is reported as minor",
		    "[hugetlb][minor]")
{
	const HugeFileWorld file(2, sharing_of(TestType::kind), Modes::Minor);

	CHECK(has(file.ioctls, Ioctls::Continue));
	write(file, 1, 1);
	const auto before = file.pages.pool();
	auto reader = in_thread([&] { return file.memory.small_word(1, 0); });
	const auto fault = next_fault(file.context);
	CHECK(fault.address == file.memory.address(1));
	CHECK(fault.flags == FaultFlags::Minor);

	const auto progress = resume(file, 1, 1);
	CHECK(progress.done == huge_page_size);
	CHECK_FALSE(progress.error);
	CHECK(reader.get() == pattern_word(1));
	CHECK(file.memory.has_pattern(1, 1));
	CHECK_FALSE(file.memory.is_there(0));
	CHECK(file.pages.pool() == before);
	CHECK_FALSE(take(file.context.read()));
}

HUGE_FILE_TEST_CASE("a write to a huge page that was mapped is shared or private like its mapping",
		    "[hugetlb][minor]")
{
	const HugeFileWorld file(1, sharing_of(TestType::kind), Modes::Minor);
	const bool shared = sharing_of(TestType::kind) == MAP_SHARED;

	write(file, 0, 1);
	auto writer = in_thread([&] { file.memory.small_word(0, 3) = 5; });
	CHECK(next_fault(file.context).flags == (FaultFlags::Minor | FaultFlags::Write));
	REQUIRE(resume(file, 0, 1));
	writer.get();
	CHECK(file.memory.small_word(0, 3) == 5);
	CHECK((file.other.small_word(0, 3) == 5) == shared);
	CHECK(file.memory.small_word(0, 4) == file.other.small_word(0, 4));
}

HUGE_FILE_TEST_CASE("mapping huge pages stops at one that is mapped or that the file does not have",
		    "[hugetlb][minor]")
{
	const HugeFileWorld file(4, sharing_of(TestType::kind), Modes::Minor);

	write(file, 0, 3);
	REQUIRE(resume(file, 1, 1));
	CHECK(resume(file, 1, 1).error.value() == EEXIST);
	const auto progress = resume(file, 0, 4);
	CHECK(progress.done == huge_page_size);
	CHECK(progress.error.value() == EAGAIN);
	const auto rest = resume(file, 2, 2);
	CHECK(rest.done == huge_page_size);
	CHECK(rest.error.value() == EAGAIN);
	CHECK(resume(file, 3, 1).error.value() == EFAULT);
	CHECK(file.memory.missing() == 1);

	file.resize(1);
	CHECK(resume(file, 2, 1).error.value() == EFAULT);
	CHECK(file.memory.small_word(0, 0) == pattern_word(0));
}

HUGE_FILE_TEST_CASE("a part of a huge page is not mapped", "[hugetlb][minor]")
{
	const HugeFileWorld file(2, sharing_of(TestType::kind), Modes::Minor);
	const auto start = file.memory.address(0);

	write(file, 0, 2);
	CHECK(file.context.resume({start, page_size()}).error.value() == EINVAL);
	CHECK(file.context.resume({start + page_size(), huge_page_size}).error.value() == EINVAL);
	CHECK(file.memory.missing() == 2);
}

HUGE_FILE_TEST_CASE("with both modes a huge page's fault is reported as missing or minor",
		    "[hugetlb][minor]")
{
	const HugeFileWorld file(2, sharing_of(TestType::kind), Modes::Missing | Modes::Minor);
	const HugeSource source(1, 9);

	write(file, 1, 1);
	auto missing = in_thread([&] { return file.memory.small_word(0, 0); });
	CHECK(next_fault(file.context).flags == FaultFlags::None);
	CHECK(resume(file, 0, 1).error.value() == EFAULT);
	REQUIRE(file.context.copy(file.memory.address(0), source.bytes(0, 1)));
	CHECK(missing.get() == pattern_word(9));

	auto reader = in_thread([&] { return file.memory.small_word(1, 0); });
	CHECK(next_fault(file.context).flags == FaultFlags::Minor);
	REQUIRE(resume(file, 1, 1));
	CHECK(reader.get() == pattern_word(1));
}

TEST_CASE("a huge page copied into a file is a minor fault for its other mapping",
	  "[hugetlb][minor]")
{
	const HugeFileWorld file(1, MAP_SHARED, Modes::Minor);
	const auto context = open_context();

	take(context.register_range(file.other.range(), Modes::Missing));
	REQUIRE(context.copy(file.other.address(0), HugeSource(1, 4).bytes(0, 1)));
	auto reader = in_thread([&] { return file.memory.small_word(0, 0); });
	CHECK(next_fault(file.context).flags == FaultFlags::Minor);
	REQUIRE(resume(file, 0, 1));
	CHECK(reader.get() == pattern_word(4));
}

/* hugetlb shares the page table of a gigabyte between all mappings of it that are alike. */
TEST_CASE("a page table is not shared with a mapping that is registered for minor faults",
	  "[hugetlb][minor]")
{
	const HugePages pages(3);
	const SharedTables tables;

	tables.one.word_at(0) = 1;
	tables.other.word_at(0) = 2;
	tables.one.word_at(huge_page_size) = 3;
	if (!tables.other_has(huge_page_size))
		skip("the kernel doesn't share page tables");

	const auto context = open_context();
	take(context.register_range(tables.one.range(), Modes::Minor));
	tables.other.word_at(2 * huge_page_size) = 4;
	auto reader = in_thread([&] { return tables.one.word_at(2 * huge_page_size); });
	const auto fault = next_fault(context);
	CHECK(fault.flags == FaultFlags::Minor);
	CHECK(fault.address == tables.one.range().start + 2 * huge_page_size);
	REQUIRE(context.resume({fault.address, huge_page_size}));
	CHECK(reader.get() == 4);
}

namespace {

/*
 * Punches holes while the file's private mapping is filled, and protected with @protection.
 * Natively this would crash the kernel: it goes wrong when a hole is punched while a thread holds
 * the lock of a private mapping in which the file's page is mapped.
 */
void punch_holes(Modes protection, Features features)
{
	const HugeFileWorld file(3, MAP_PRIVATE, Modes::Missing | Modes::Minor | protection,
				 features);
	const bool read_write = protection == Modes::ReadWriteProtect;
	const HugeSource source(1, 7);
	std::atomic<bool> done = false;
	std::vector<std::future<void>> threads;
	const auto until_done = [&](const std::function<void()> &command) {
		threads.push_back(in_thread([&done, command] {
			while (!done)
				command();
		}));
	};

	until_done([&] { static_cast<void>(resume(file, 0, 1)); });
	until_done([&] {
		static_cast<void>(file.context.copy(file.memory.address(1), source.bytes(0, 1)));
	});
	until_done([&] { static_cast<void>(file.context.poison(file.memory.range(2, 1))); });
	until_done([&] {
		const auto range = file.memory.range();

		take(read_write ? file.context.rwprotect(range)
				: file.context.write_protect(range));
		take(read_write ? file.context.rwunprotect(range)
				: file.context.write_unprotect(range));
	});
	for (unsigned round = 0; round < 60; round++) {
		file.other.small_word(0, 0) = round;
		wait_until("the file's page is mapped", [&] { return file.memory.is_there(0); });
		checked(::fallocate(file.file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				    3 * huge_page_size));
	}
	done = true;
	for (auto &thread : threads)
		thread.get();

	write(file, 0, 1);
	REQUIRE(resume(file, 0, 1));
	CHECK(file.memory.has_pattern(0, 0));
}

} // namespace

TEST_CASE("holes are punched in a huge file while a private mapping of it is filled",
	  "[hugetlb][minor][module][smp]")
{
	punch_holes(Modes::WriteProtect, Features::None);
}

TEST_CASE("holes are punched in a huge file while a private mapping of it is read-write-protected",
	  "[hugetlb][minor][rwp][module][smp]")
{
	need(Features::Rwp);
	punch_holes(Modes::ReadWriteProtect, Features::Rwp);
}
