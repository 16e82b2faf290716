// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_CONTINUE and minor faults: faults on pages that the file has and the mapping doesn't. */
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"
#include "lib/process.hpp"
#include "lib/thp.hpp"
#include "lib/world.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/mman.h>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr int sharing_of(MemoryKind kind)
{
	return kind == MemoryKind::private_file ? MAP_PRIVATE : MAP_SHARED;
}

/* A file, a registered mapping of it, and an unregistered one through which it is written. */
struct MinorWorld {
	explicit MinorWorld(std::size_t pages, MemoryKind kind = MemoryKind::shared_file,
			    Modes modes = Modes::Minor)
		: file(shmem_file(pages)), other(pages, file, MAP_SHARED),
		  world(Memory::aligned(pages, huge_page, file, sharing_of(kind)), modes)
	{
	}

	/* Puts pages with their patterns into the file. */
	void write(std::size_t first, std::size_t count) const
	{
		for (std::size_t i = first; i < first + count; i++)
			write_pattern(other.bytes(i, 1), i);
	}

	Progress resume(std::size_t first, std::size_t count) const
	{
		return world.context.resume(world.memory.range(first, count));
	}

	const Memory &memory() const { return world.memory; }

	Fd file;
	Memory other;
	World world;
};

} // namespace

/* A test for shared and for private mappings of a file. */
#define FILE_TEST_CASE(name, tags) TEMPLATE_TEST_CASE(name, tags, SharedFile, PrivateFile)

FILE_TEST_CASE("a fault on a page that the file has is reported as minor", "[minor]")
{
	const MinorWorld minor(3, TestType::kind);

	minor.write(1, 1);
	auto reader = in_thread([&] { return minor.memory().word(1); });
	const auto fault = next_fault(minor.world.context);
	CHECK(fault.address == minor.memory().address(1));
	CHECK(fault.flags == FaultFlags::Minor);
	CHECK_FALSE(is_done(reader));

	const auto progress = minor.resume(1, 1);
	CHECK(progress.done == page_size());
	CHECK_FALSE(progress.error);
	CHECK(reader.get() == pattern_word(1));
	CHECK(has_pattern(minor.memory().bytes(1, 1), 1));
	CHECK(frame_of(minor.memory(), 1) == frame_of(minor.other, 1));
	CHECK_FALSE(is_there(minor.memory(), 0));
	CHECK_FALSE(take(minor.world.context.read()));
}

FILE_TEST_CASE("a write to a page that the file has is reported as a minor fault that writes",
	       "[minor]")
{
	const MinorWorld minor(1, TestType::kind);
	const bool shared = TestType::kind == MemoryKind::shared_file;

	minor.write(0, 1);
	auto writer = in_thread([&] { minor.memory().word(0) = 3; });
	CHECK(next_fault(minor.world.context).flags == (FaultFlags::Minor | FaultFlags::Write));
	REQUIRE(minor.resume(0, 1));
	writer.get();
	CHECK(minor.memory().word(0) == 3);
	CHECK(minor.other.word(0) == (shared ? 3 : pattern_word(0)));
	CHECK_FALSE(take(minor.world.context.read()));
}

TEST_CASE("shared anonymous memory has minor faults too", "[minor]")
{
	const auto memory = patterned(4, MemoryKind::shared_anonymous);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Minor));
	checked(::madvise(memory.page(0), 4 * page_size(), MADV_DONTNEED));
	auto reader = in_thread([&] { return memory.word(2); });
	CHECK(next_fault(context).flags == FaultFlags::Minor);
	REQUIRE(context.resume(memory.range()));
	CHECK(reader.get() == pattern_word(2));
	CHECK(count_patterned(memory) == 4);
}

FILE_TEST_CASE("a page that the file does not have is no minor fault", "[minor]")
{
	const MinorWorld minor(2, TestType::kind);

	CHECK(minor.memory().word(0) == 0);
	minor.memory().word(1) = 2;
	CHECK_FALSE(take(minor.world.context.read()));
}

FILE_TEST_CASE("a fault of memory registered for both modes is reported as missing or minor",
	       "[minor]")
{
	const MinorWorld minor(2, TestType::kind, Modes::Missing | Modes::Minor);
	const auto ioctls = minor.world.region.ioctls();

	CHECK(has(ioctls, Ioctls::Continue | Ioctls::Copy | Ioctls::Zeropage | Ioctls::Wake));
	minor.write(1, 1);
	auto missing = in_thread([&] { return minor.memory().word(0); });
	CHECK(next_fault(minor.world.context).flags == FaultFlags::None);
	CHECK(minor.resume(0, 1).error.value() == EFAULT);
	minor.world.fill(0);
	CHECK(missing.get() == pattern_word(0));

	auto reader = in_thread([&] { return minor.memory().word(1); });
	CHECK(next_fault(minor.world.context).flags == FaultFlags::Minor);
	REQUIRE(minor.resume(1, 1));
	CHECK(reader.get() == pattern_word(1));
}

TEST_CASE("a page copied into a file is a minor fault for its other mapping", "[minor]")
{
	const MinorWorld minor(2);
	const auto context = open_context();
	const auto source = patterned(2);

	take(context.register_range(minor.other.range(), Modes::Missing));
	REQUIRE(context.copy(minor.other.address(0), source.bytes(0, 2)));
	auto reader = in_thread([&] { return minor.memory().word(1); });
	CHECK(next_fault(minor.world.context).flags == FaultFlags::Minor);
	REQUIRE(minor.resume(0, 2));
	CHECK(reader.get() == pattern_word(1));
	CHECK(frame_of(minor.memory(), 0) == frame_of(minor.other, 0));
}

TEST_CASE("content that was written before a page is mapped is seen", "[minor]")
{
	const MinorWorld minor(64);
	const Monitor monitor(minor.world.context, [&](const Fault &fault) {
		const auto index = minor.memory().index_of(fault.address);
		write_pattern(minor.other.bytes(index, 1), index + 1000);
		if (const auto progress = minor.resume(index, 1); !progress)
			give_up(progress.error.message());
	});

	minor.write(0, 64);
	CHECK(count_patterned(minor.memory(), 1000) == 64);
	CHECK(monitor.told() == 64);
}

FILE_TEST_CASE("any number of pages can be mapped over any border", "[minor]")
{
	const std::size_t pages = 3 * page_table;

	for (const std::size_t count : {1uz, 2uz, 15uz, 31uz, 64uz, 65uz, 512uz, 513uz}) {
		const MinorWorld minor(pages, TestType::kind);
		const auto first = page_table - 1;

		minor.write(0, pages);
		const auto progress = minor.resume(first, count);
		INFO(count << " pages");
		CHECK(progress.done == count * page_size());
		REQUIRE_FALSE(progress.error);
		REQUIRE_FALSE(is_there(minor.memory(), first - 1));
		REQUIRE_FALSE(is_there(minor.memory(), first + count));
		for (std::size_t i = first; i < first + count; i++)
			REQUIRE(has_pattern(minor.memory().bytes(i, 1), i));
	}
}

FILE_TEST_CASE("mapping stops at a page that is mapped already", "[minor]")
{
	const MinorWorld minor(8, TestType::kind);

	minor.write(0, 8);
	REQUIRE(minor.resume(5, 1));
	CHECK(minor.resume(5, 1).error.value() == EEXIST);
	const auto progress = minor.resume(0, 8);
	CHECK(progress.done == 5 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(minor.resume(5, 3).error.value() == EEXIST);
	CHECK_FALSE(is_there(minor.memory(), 6));
	CHECK(minor.resume(6, 2));
	CHECK(count_patterned(minor.memory()) == 8);
}

FILE_TEST_CASE("mapping stops at a page that the file does not have", "[minor]")
{
	const MinorWorld minor(8, TestType::kind);

	minor.write(0, 3);
	minor.write(4, 4);
	const auto progress = minor.resume(0, 8);
	CHECK(progress.done == 3 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(minor.resume(3, 5).error.value() == EFAULT);
	CHECK(minor.resume(3, 5).done == 0);
	CHECK_FALSE(is_there(minor.memory(), 4));
	CHECK(minor.resume(4, 4));
}

FILE_TEST_CASE("mapping past the end of the file is EFAULT", "[minor]")
{
	const int past_the_end = native_before(7, 2) ? EINVAL : EFAULT;
	const MinorWorld minor(8, TestType::kind);

	minor.write(0, 8);
	checked(::ftruncate(minor.file.get(), static_cast<off_t>(2 * page_size() + 1)));
	CHECK(minor.resume(3, 1).error.value() == past_the_end);
	const auto progress = minor.resume(0, 8);
	CHECK(progress.done == 3 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(has_pattern(minor.memory().bytes(0, 1), 0));
}

FILE_TEST_CASE("a page that the file has only reserved is mapped as zeroes", "[minor]")
{
	const MinorWorld minor(70, TestType::kind);

	checked(::fallocate(minor.file.get(), 0, 0, static_cast<off_t>(70 * page_size())));
	REQUIRE(minor.resume(0, 70));
	CHECK(is_zero(minor.memory().bytes(0, 70)));
}

TEST_CASE("what is written to a page that the file had only reserved is in the file", "[minor]")
{
	const MinorWorld minor(2);
	std::uint64_t word = 0;

	checked(::fallocate(minor.file.get(), 0, 0, static_cast<off_t>(2 * page_size())));
	REQUIRE(minor.resume(0, 2));
	for (const std::size_t i : {0, 1}) {
		const auto at = static_cast<off_t>(i * page_size());

		minor.memory().word(i) = pattern_word(i);
		CHECK(::pread(minor.file.get(), &word, sizeof(word), at) == sizeof(word));
		CHECK(word == pattern_word(i));
		CHECK(minor.other.word(i) == pattern_word(i));
	}
}

FILE_TEST_CASE("a page may be mapped into memory that can't be written", "[minor]")
{
	const MinorWorld minor(2, TestType::kind);

	minor.write(0, 2);
	checked(::mprotect(minor.memory().page(0), 2 * page_size(), PROT_READ));
	REQUIRE(minor.resume(0, 2));
	CHECK(count_patterned(minor.memory()) == 2);
	Process writer([&] {
		minor.memory().word(0) = 1;
		return 0;
	});
	CHECK(writer.wait() == Process::killed + SIGSEGV);

	checked(::mprotect(minor.memory().page(0), 2 * page_size(), PROT_READ | PROT_WRITE));
	minor.memory().word(0) = 1;
	CHECK(minor.other.word(0) ==
	      (TestType::kind == MemoryKind::shared_file ? 1 : pattern_word(0)));
}

TEST_CASE("a page mapped privately is copied on write", "[minor]")
{
	const MinorWorld minor(1, MemoryKind::private_file);

	minor.write(0, 1);
	REQUIRE(minor.resume(0, 1));
	minor.other.word(0) = 4;
	CHECK(minor.memory().word(0) == 4);
	minor.memory().word(0) = 5;
	CHECK(minor.other.word(0) == 4);
	CHECK(frame_of(minor.memory(), 0) != frame_of(minor.other, 0));
	CHECK(fdinfo(minor.world.context.fd()).total == 0);
}

TEST_CASE("mapping wakes the waiters of its pages and no others", "[minor]")
{
	const MinorWorld minor(2);

	minor.write(0, 2);
	auto first = in_thread([&] { return minor.memory().word(0); });
	auto second = in_thread([&] { return minor.memory().word(1); });
	wait_for_waiters(minor.world.context, 2);
	REQUIRE(minor.resume(0, 1));
	CHECK(first.get() == pattern_word(0));
	CHECK(fdinfo(minor.world.context.fd()).total == 1);
	REQUIRE(minor.resume(1, 1));
	CHECK(second.get() == pattern_word(1));
}

TEST_CASE("mapping with DONTWAKE leaves its waiters to UFFDIO_WAKE", "[minor]")
{
	const MinorWorld minor(1);

	minor.write(0, 1);
	auto reader = in_thread([&] { return minor.memory().word(0); });
	wait_for_sleepers(minor.world.context, 1);
	REQUIRE(minor.world.context.resume(minor.memory().range(), ContinueModes::DontWake));
	CHECK(fdinfo(minor.world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	take(minor.world.context.wake(minor.memory().range()));
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("wrong arguments of a mapping are refused and nothing is mapped", "[minor]")
{
	const MinorWorld minor(2);
	const auto to = minor.memory().address(0);
	const auto page = page_size();
	const uffdio_continue wrong[] = {
		{.range = {to, 0}, .mode = 0, .mapped = 1},
		{.range = {to, page - 1}, .mode = 0, .mapped = 1},
		{.range = {to + 8, page}, .mode = 0, .mapped = 1},
		{.range = {to, -to}, .mode = 0, .mapped = 1},
		{.range = {-page, page}, .mode = 0, .mapped = 1},
		{.range = {to, page}, .mode = 4, .mapped = 1},
		{.range = {to, page}, .mode = 1ull << 63, .mapped = 1},
	};

	minor.write(0, 2);
	for (auto fields : wrong) {
		const auto result = minor.world.context.ioctl(UFFDIO_CONTINUE, &fields);

		INFO(std::hex << fields.range.start << ' ' << fields.range.len << ' '
			      << fields.mode);
		CHECK(result.error().value() == EINVAL);
		CHECK(fields.mapped == 1);
		CHECK_FALSE(is_there(minor.memory(), 0));
	}
}

TEST_CASE("private anonymous memory has no minor faults", "[minor]")
{
	const Memory memory(2);
	const auto context = open_context();
	const auto refused = context.register_range(memory.range(), Modes::Minor);

	CHECK((refused ? 0 : refused.error().value()) == EINVAL);
	const auto both = context.register_range(memory.range(), Modes::Minor | Modes::Missing);
	CHECK((both ? 0 : both.error().value()) == EINVAL);
	const auto ioctls = take(context.register_range(memory.range(), Modes::Missing));
	CHECK_FALSE(has(ioctls, Ioctls::Continue));
	CHECK(context.resume(memory.range()).error.value() == EINVAL);
}

TEST_CASE("mapping into unregistered memory is ENOENT", "[minor]")
{
	const Memory memory(3, MemoryKind::shared_file);
	const auto context = open_context();

	take(context.register_range(memory.range(1, 1), Modes::Minor));
	CHECK(context.resume(memory.range(0, 1)).error.value() == ENOENT);
	CHECK(context.resume(memory.range(0, 2)).error.value() == ENOENT);
	CHECK(context.resume(memory.range(1, 2)).error.value() == ENOENT);
}

TEST_CASE("pages of a large folio are mapped one by one", "[minor]")
{
	need_transparent_huge_pages();
	const auto file = tmpfs_file(page_table, "huge", "always");
	const auto other = Memory::aligned(page_table, huge_page, file, MAP_SHARED);

	for (std::size_t i = 0; i < page_table; i++)
		write_pattern(other.bytes(i, 1), i);
	if (smaps_bytes(other.range(), "ShmemPmdMapped") != huge_page)
		skip("no huge page was available");

	const World world(Memory::aligned(page_table, huge_page, file, MAP_SHARED), Modes::Minor);
	/* Else khugepaged may take the page table away, and then every page would fault again. */
	keep_small(world.memory);
	auto reader = in_thread([&] { return world.memory.word(7); });
	CHECK(next_fault(world.context).flags == FaultFlags::Minor);
	REQUIRE(world.context.resume(world.memory.range(7, 1)));
	CHECK(reader.get() == pattern_word(7));
	CHECK_FALSE(is_there(world.memory, 6));
	CHECK(world.context.resume(world.memory.range()).done == 7 * page_size());
	REQUIRE(world.context.resume(world.memory.range(8, page_table - 8)));
	for (std::size_t i = 0; i < page_table; i++)
		REQUIRE(is_there(world.memory, i));
	CHECK(count_patterned(world.memory) == page_table);

	/* The folio can still be split, and its pages given back: no reference was left behind. */
	world.memory.drop(3, 1);
	CHECK(is_zero(other.bytes(3, 1)));
	CHECK(has_pattern(other.bytes(2, 1), 2));
	CHECK(has_pattern(other.bytes(4, 1), 4));
	world.memory.drop(0, page_table);
	CHECK(is_zero(other.bytes(0, page_table)));
}

TEST_CASE("mapped pages can become a huge page", "[minor]")
{
	const MinorWorld minor(page_table);

	need_transparent_huge_pages();
	minor.write(0, page_table);
	REQUIRE(minor.resume(0, page_table));
	wait_until("the pages are a huge page", [&] {
		const int result = ::madvise(minor.memory().page(0), huge_page, MADV_COLLAPSE);
		if (result && errno != EAGAIN && errno != EBUSY)
			skip("the kernel can't collapse pages");
		return result == 0;
	});
	CHECK(count_patterned(minor.memory()) == page_table);
	CHECK(count_patterned(minor.other) == page_table);
}

TEST_CASE("the file changes in every way while its pages are mapped", "[minor][smp]")
{
	const std::size_t pages = 100;
	const MinorWorld minor(pages);
	std::atomic<bool> done = false;
	std::atomic<std::size_t> mapped = 0;
	std::vector<std::future<void>> mappers;

	minor.write(0, pages);
	for (std::size_t m = 0; m < 2; m++)
		mappers.push_back(in_thread([&, m] {
			for (std::size_t n = m; !done; n++) {
				const auto first = n * 37 % pages;
				const auto count = std::min(pages - first, n * 13 % 70 + 1);
				mapped += minor.resume(first, count).done / page_size();
			}
		}));
	wait_until("something was mapped", [&] { return mapped > 0; });
	for (std::size_t n = 0; n < repeated(60); n++) {
		const auto first = n * 53 % pages;
		const auto count = std::min(pages - first, n * 7 % 40 + 1);
		minor.memory().drop(first, count);
		minor.write(first, count);
		checked(::madvise(minor.memory().page(0), pages * page_size(), MADV_DONTNEED));
		if (n % 8 == 0) {
			checked(::ftruncate(minor.file.get(),
					    static_cast<off_t>(first * page_size())));
			checked(::ftruncate(minor.file.get(),
					    static_cast<off_t>(pages * page_size())));
			minor.write(0, pages);
		}
	}
	done = true;
	for (auto &mapper : mappers)
		mapper.get();
	checked(::madvise(minor.memory().page(0), pages * page_size(), MADV_DONTNEED));
	REQUIRE(minor.resume(0, pages));
	CHECK(count_patterned(minor.memory()) == pages);
	checked(::ftruncate(minor.file.get(), 0));
	CHECK(smaps_bytes(minor.memory().range(), "Rss") == 0);
}

TEST_CASE("a page table that is taken away while pages are mapped is no error", "[minor][smp]")
{
	if (backend_under_test() == Backend::native)
		skip("native userfaultfd gives up with EAGAIN, and nothing says when to try again");
	const MinorWorld minor(page_table);
	std::atomic<bool> done = false;
	const auto collapse = [&] {
		return ::madvise(minor.memory().page(0), huge_page, MADV_COLLAPSE) == 0;
	};

	minor.write(0, page_table);
	wait_until("the pages are a huge page", [&] {
		if (collapse())
			return true;
		if (errno != EAGAIN)
			skip("the kernel can't collapse pages");
		return false;
	});
	auto collapser = in_thread([&] {
		while (!done)
			collapse();
	});
	for (unsigned round = 0; round < repeated(120); round++) {
		checked(::madvise(minor.memory().page(0), huge_page, MADV_DONTNEED));
		for (std::size_t first = 0; first < page_table; first += 64) {
			const auto progress = minor.resume(first, 64);
			const auto error = progress.error.value();

			if (error && error != EEXIST && !progress.done)
				give_up("round " + std::to_string(round) + ": " +
					progress.error.message());
		}
	}
	done = true;
	collapser.get();
	CHECK(count_patterned(minor.memory()) == page_table);
}

FILE_TEST_CASE("a page with a hardware error is EIO and not mapped", "[minor]")
{
	const MinorWorld minor(3, TestType::kind);

	minor.write(0, 1);
	minor.write(2, 1);
	CHECK(minor.other.word(1) == 0); /* reading makes a clean page, so no process is killed */
	if (::madvise(minor.other.page(1), page_size(), MADV_HWPOISON))
		skip("the kernel has no memory failures");
	const auto progress = minor.resume(0, 3);
	CHECK(progress.done == page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(minor.resume(1, 2).error.value() == EIO);
	CHECK_FALSE(is_there(minor.memory(), 1));
	CHECK(minor.resume(2, 1));
	CHECK(has_pattern(minor.memory().bytes(2, 1), 2));
}
