// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_COPY: what it puts where, and how far it gets. */
#include "lib/consumer.hpp"
#include "lib/maps.hpp"
#include "lib/memory_group.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"
#include "lib/process.hpp"
#include "lib/thp.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <linux/mman.h>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t upper_table = 512 * 512; /* pages under one page middle directory */

/* A context with all of @memory registered. */
struct Registered {
	explicit Registered(const Memory &memory)
		: context(open_context()), region(take(Region::make(context, memory.range())))
	{
	}

	Context context;
	Region region;
};

/* COPY of @count pages of @source to page @first of @memory. */
Progress copy(const Context &context, const Memory &memory, std::size_t first, const Memory &source,
	      std::size_t count)
{
	return context.copy(memory.address(first), source.bytes(0, count));
}

/* Pages; those from @first on can't be read, because nothing is mapped there. */
Memory cut_off(std::size_t pages, std::size_t first)
{
	auto memory = patterned(pages);

	memory.unmap(first, pages - first);
	return memory;
}

} // namespace

MEMORY_TEST_CASE("a copy fills a page with the bytes of the source", "[copy]")
{
	const World world(3, TestType::kind);
	const auto source = patterned(1);
	const auto progress = copy(world.context, world.memory, 1, source, 1);

	CHECK(progress.done == page_size());
	CHECK_FALSE(progress.error);
	CHECK(has_pattern(world.memory.bytes(1, 1), 0));
	CHECK(has_pattern(source.bytes(0, 1), 0));
	CHECK_FALSE(is_there(world.memory, 0));
	CHECK_FALSE(is_there(world.memory, 2));
}

MEMORY_TEST_CASE("a copied page is a copy", "[copy]")
{
	const World world(1, TestType::kind);
	const auto source = patterned(1);

	REQUIRE(copy(world.context, world.memory, 0, source, 1));
	source.word(0) = 1;
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
	write_pattern(source.bytes(0, 1), 0);
	world.memory.word(0) = 2;
	CHECK(has_pattern(source.bytes(0, 1), 0));
}

MEMORY_TEST_CASE("copies of any number of pages over any border", "[copy]")
{
	const std::size_t pages = 2 * page_table + 2;
	const auto source = patterned(pages);

	for (const std::size_t count : {1uz, 2uz, 15uz, 511uz, 512uz, 513uz, pages})
		for (const std::size_t before_border : {0uz, 1uz, 7uz}) {
			const auto memory =
				Memory::aligned(4 * page_table, huge_page, TestType::kind);
			const Registered registered(memory);
			const auto first = page_table - before_border;
			const auto progress =
				copy(registered.context, memory, first, source, count);

			INFO(count << " pages from page " << first << " on");
			CHECK(progress.done == count * page_size());
			REQUIRE_FALSE(progress.error);
			REQUIRE_FALSE(is_there(memory, first - 1));
			REQUIRE_FALSE(is_there(memory, first + count));
			for (std::size_t i = 0; i < count; i++)
				REQUIRE(has_pattern(memory.bytes(first + i, 1), i));
		}
}

TEST_CASE("a copy over the border of an upper page table", "[copy]")
{
	const auto memory =
		Memory::aligned(2 * upper_table, upper_table * page_size(), MAP_NORESERVE);
	const Registered registered(memory);
	const auto source = patterned(6);
	const auto first = upper_table - 3;

	REQUIRE(copy(registered.context, memory, first, source, 6));
	for (std::size_t i = 0; i < 6; i++)
		CHECK(has_pattern(memory.bytes(first + i, 1), i));
}

TEST_CASE("copies of up to 64 MiB in one call", "[copy]")
{
	const std::size_t most = (64 << 20) / page_size();
	const Memory source(most);

	/* Full patterns would take long: a word at both ends of a page tells it from all others. */
	for (std::size_t i = 0; i < most; i++) {
		source.word(i) = pattern_word(i);
		(&source.word(i))[page_size() / sizeof(std::uint64_t) - 1] = ~pattern_word(i);
	}
	for (const std::size_t count : {2048uz, 4095uz, most}) {
		const World world(count + 1);
		const auto length = count * page_size();
		const auto progress = copy(world.context, world.memory, 0, source, count);
		INFO(count << " pages");
		CHECK(progress.done == length);
		CHECK_FALSE(progress.error);
		CHECK(std::memcmp(world.memory.page(0), source.page(0), length) == 0);
		CHECK_FALSE(is_there(world.memory, count));
		CHECK(smaps_bytes(world.memory.range(), "Rss") == length);
	}
}

MEMORY_TEST_CASE("the source of a copy may begin at any byte", "[copy]")
{
	const World world(3, TestType::kind);
	const auto source = patterned(4);
	const auto unaligned = std::span(source.page(0) + 13, 3 * page_size());

	REQUIRE(world.context.copy(world.memory.address(0), unaligned));
	CHECK(std::ranges::equal(world.memory.bytes(0, 3), unaligned));
}

TEST_CASE("a copied page can be written and is like any other", "[copy]")
{
	const World world(1);

	world.fill(0);
	const auto entry = pagemap_entry(world.memory.address(0));
	CHECK(entry & pagemap_present);
	CHECK(entry & pagemap_exclusive);
	CHECK_FALSE(entry & pagemap_file_or_shared);
	const auto flags = page_flags(world.memory.address(0));
	CHECK(flags & 1ull << KPF_ANON);
	CHECK(flags & 1ull << KPF_SWAPBACKED);
	CHECK(flags & 1ull << KPF_UPTODATE);
	CHECK(flags & 1ull << KPF_MMAP);
	CHECK_FALSE(flags & 1ull << KPF_LOCKED);

	world.memory.word(0) = 5;
	CHECK(world.memory.word(0) == 5);
	CHECK(frame_of(world.memory, 0) == (entry & pagemap_frame));
	CHECK(fdinfo(world.context.fd()).total == 0);
}

MEMORY_TEST_CASE("a page that is there already is EEXIST and stays as it is", "[copy][security]")
{
	const auto memory = patterned(1, TestType::kind, 100);
	const Registered registered(memory);
	const auto source = patterned(1);
	const auto progress = copy(registered.context, memory, 0, source, 1);

	CHECK(progress.done == 0);
	CHECK(progress.error.value() == EEXIST);
	CHECK(has_pattern(memory.bytes(0, 1), 100));
}

TEST_CASE("the zero page counts as a page that is there", "[copy]")
{
	const Memory memory(2);
	const auto source = patterned(1);

	CHECK(memory.word(0) == 0); /* a read of unregistered memory maps the zero page */
	const Registered registered(memory);
	CHECK(copy(registered.context, memory, 0, source, 1).error.value() == EEXIST);
	REQUIRE(registered.context.zeropage(memory.range(1, 1)));
	CHECK(copy(registered.context, memory, 1, source, 1).error.value() == EEXIST);
	CHECK(is_zero(memory.bytes(0, 2)));
}

TEST_CASE("a transparent huge page counts as pages that are there", "[copy]")
{
	const auto memory = Memory::aligned(page_table, huge_page);
	const auto source = patterned(1, 7);

	need_transparent_huge_pages();
	checked(::madvise(memory.page(0), huge_page, MADV_HUGEPAGE));
	write_pattern(memory.bytes(0, page_table), 0);
	if (smaps_bytes(memory.range(), "AnonHugePages") != huge_page)
		skip("no huge page was available");
	const Registered registered(memory);
	for (const std::size_t i : {0uz, 1uz, page_table - 1}) {
		CHECK(copy(registered.context, memory, i, source, 1).error.value() == EEXIST);
		CHECK(registered.context.zeropage(memory.range(i, 1)).error.value() == EEXIST);
	}
	CHECK(smaps_bytes(memory.range(), "AnonHugePages") == huge_page);
	CHECK(has_pattern(memory.bytes(0, page_table), 0));
}

MEMORY_TEST_CASE("a copy stops at a page that is there and returns how far it got", "[copy]")
{
	const World world(8, TestType::kind);
	const auto source = patterned(8, 50);

	world.fill(5);
	const auto progress = copy(world.context, world.memory, 0, source, 8);
	CHECK(progress.done == 5 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(copy(world.context, world.memory, 5, source, 1).error.value() == EEXIST);
	for (std::size_t i = 0; i < 5; i++)
		CHECK(has_pattern(world.memory.bytes(i, 1), 50 + i));
	CHECK(has_pattern(world.memory.bytes(5, 1), 5));
	CHECK_FALSE(is_there(world.memory, 6));
	CHECK_FALSE(is_there(world.memory, 7));
}

MEMORY_TEST_CASE("a source that is not there is EFAULT and fills nothing", "[copy]")
{
	const World world(2, TestType::kind);
	const auto good = patterned(2);
	const auto source = cut_off(2, 0);
	const auto progress = copy(world.context, world.memory, 0, source, 2);

	CHECK(progress.done == 0);
	CHECK(progress.error.value() == EFAULT);
	CHECK_FALSE(is_there(world.memory, 0));
	CHECK(copy(world.context, world.memory, 0, good, 2));
}

MEMORY_TEST_CASE("a source that may not be read is EFAULT", "[copy]")
{
	const World world(1, TestType::kind);
	const auto source = patterned(1);

	checked(::mprotect(source.page(0), page_size(), PROT_NONE));
	CHECK(copy(world.context, world.memory, 0, source, 1).error.value() == EFAULT);
	CHECK_FALSE(is_there(world.memory, 0));
}

MEMORY_TEST_CASE("a copy stops where the source ends and returns how far it got", "[copy]")
{
	for (const std::size_t readable : {1uz, 3uz, 31uz}) {
		const World world(40, TestType::kind);
		const auto source = cut_off(40, readable);
		const auto progress = copy(world.context, world.memory, 0, source, 40);

		INFO(readable << " pages can be read");
		CHECK(progress.done == readable * page_size());
		CHECK(progress.error.value() == EAGAIN);
		for (std::size_t i = 0; i < readable; i++)
			CHECK(has_pattern(world.memory.bytes(i, 1), i));
		CHECK_FALSE(is_there(world.memory, readable));
	}
}

MEMORY_TEST_CASE("a page of which the source has only a part is not filled", "[copy]")
{
	const World world(2, TestType::kind);
	const auto source = cut_off(3, 2);
	const auto unaligned = std::span(source.page(0) + 8, 2 * page_size());
	const auto progress = world.context.copy(world.memory.address(0), unaligned);

	CHECK(progress.done == page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK_FALSE(is_there(world.memory, 1));
}

MEMORY_TEST_CASE("a source that is not in memory yet is faulted in", "[copy]")
{
	const World world(70, TestType::kind);
	const Memory untouched(64);
	const Fd file(static_cast<int>(checked(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC))));
	const auto size = 6 * page_size();
	void *mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
	std::vector<std::byte> expected(size);

	REQUIRE(mapped != MAP_FAILED);
	checked(::pread(file.get(), expected.data(), size, 0));
	REQUIRE(copy(world.context, world.memory, 0, untouched, 64));
	CHECK(is_zero(world.memory.bytes(0, 64)));
	const auto source = std::span(static_cast<const std::byte *>(mapped), size);
	REQUIRE(world.context.copy(world.memory.address(64), source));
	CHECK(std::ranges::equal(world.memory.bytes(64, 6), expected));
}

MEMORY_TEST_CASE("a source that another monitor fills is waited for", "[copy]")
{
	const World world(4, TestType::kind), other(4, TestType::kind);
	const Monitor monitor(other.context, [&](const Fault &fault) {
		other.fill(other.memory.index_of(fault.address));
	});

	REQUIRE(copy(world.context, world.memory, 0, other.memory, 4));
	CHECK(count_patterned(world.memory) == 4);
	CHECK(monitor.told() == 4);
}

MEMORY_TEST_CASE("a destination that is not registered is ENOENT and stays as it is", "[copy]")
{
	const Memory memory(4, TestType::kind);
	const auto context = open_context();
	const auto source = patterned(4);

	take(context.register_range(memory.range(1, 2), Modes::Missing));
	CHECK(copy(context, memory, 0, source, 1).error.value() == ENOENT);
	CHECK(copy(context, memory, 0, source, 2).error.value() == ENOENT);
	CHECK(copy(context, memory, 2, source, 2).error.value() == ENOENT);
	CHECK(copy(context, memory, 1, source, 3).error.value() == ENOENT);
	for (std::size_t i = 0; i < 4; i++)
		CHECK_FALSE(is_there(memory, i));
	CHECK(copy(context, memory, 1, source, 2));
}

MEMORY_TEST_CASE("a destination in two mappings is ENOENT even if both are registered", "[copy]")
{
	const World world(4, TestType::kind);
	const auto source = patterned(4);

	checked(::mprotect(world.memory.page(2), 2 * page_size(), PROT_READ));
	CHECK(copy(world.context, world.memory, 0, source, 4).error.value() == ENOENT);
	CHECK_FALSE(is_there(world.memory, 0));
	CHECK(copy(world.context, world.memory, 0, source, 2));
	CHECK(copy(world.context, world.memory, 2, source, 2));
}

MEMORY_TEST_CASE("a destination that is not mapped is ENOENT", "[copy]")
{
	World world(2, TestType::kind);
	const auto source = patterned(1);

	world.memory.unmap(1, 1);
	CHECK(copy(world.context, world.memory, 1, source, 1).error.value() == ENOENT);
	CHECK(copy(world.context, world.memory, 0, source, 1));
}

TEST_CASE("wrong arguments of a copy are refused and nothing is filled", "[copy]")
{
	const World world(2);
	const auto source = patterned(2);
	const auto to = world.memory.address(0);
	const auto from = source.address(0);
	const auto page = page_size();
	const uffdio_copy wrong[] = {
		{.dst = to, .src = from, .len = 0, .mode = 0, .copy = 1},
		{.dst = to, .src = from, .len = 1, .mode = 0, .copy = 1},
		{.dst = to, .src = from, .len = page + 1, .mode = 0, .copy = 1},
		{.dst = to + 1, .src = from, .len = page, .mode = 0, .copy = 1},
		{.dst = -page, .src = from, .len = page, .mode = 0, .copy = 1},
		{.dst = to, .src = from, .len = -to, .mode = 0, .copy = 1},
		{.dst = to, .src = from, .len = -page, .mode = 0, .copy = 1},
		{.dst = to, .src = -page, .len = page, .mode = 0, .copy = 1},
		{.dst = to, .src = from, .len = page, .mode = 4, .copy = 1},
		{.dst = to, .src = from, .len = page, .mode = 1ull << 63, .copy = 1},
	};

	for (auto fields : wrong) {
		const auto result = world.context.ioctl(UFFDIO_COPY, &fields);

		INFO(std::hex << fields.dst << ' ' << fields.src << ' ' << fields.len << ' '
			      << fields.mode);
		CHECK(result.error().value() == EINVAL);
		CHECK(fields.copy == 1);
		CHECK_FALSE(is_there(world.memory, 0));
	}
}

MEMORY_TEST_CASE("a page may be copied into memory that can't be written", "[copy]")
{
	const World world(2, TestType::kind);
	const auto source = patterned(2);

	checked(::mprotect(world.memory.page(0), page_size(), PROT_READ));
	checked(::mprotect(world.memory.page(1), page_size(), PROT_NONE));
	CHECK(copy(world.context, world.memory, 0, source, 1));
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
	CHECK(copy(world.context, world.memory, 1, source, 1));
	checked(::mprotect(world.memory.page(1), page_size(), PROT_READ));
	CHECK(has_pattern(world.memory.bytes(1, 1), 0));

	Process writer([&] {
		world.memory.word(0) = 1;
		return 0;
	});
	CHECK(writer.wait() == Process::killed + SIGSEGV);
}

MEMORY_TEST_CASE("a copy wakes the waiters of its pages and no others", "[copy]")
{
	const World world(3, TestType::kind);
	const auto source = patterned(2);
	auto first = in_thread([&] { return world.memory.word(0); });
	auto second = in_thread([&] { return world.memory.word(1); });
	auto third = in_thread([&] { return world.memory.word(2); });

	wait_for_waiters(world.context, 3);
	REQUIRE(copy(world.context, world.memory, 0, source, 2));
	CHECK(first.get() == pattern_word(0));
	CHECK(second.get() == pattern_word(1));
	CHECK(fdinfo(world.context.fd()).total == 1);
	world.fill(2);
	CHECK(third.get() == pattern_word(2));
}

MEMORY_TEST_CASE("a copy with DONTWAKE leaves its waiters to UFFDIO_WAKE", "[copy]")
{
	const World world(1, TestType::kind);
	const auto source = patterned(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_sleepers(world.context, 1);
	REQUIRE(world.context.copy(world.memory.address(0), source.bytes(0, 1),
				   CopyModes::DontWake));
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	take(world.context.wake(world.memory.range()));
	CHECK(reader.get() == pattern_word(0));
}

MEMORY_TEST_CASE("a copy that fails after some pages wakes their waiters", "[copy]")
{
	const World world(2, TestType::kind);
	const auto source = cut_off(2, 1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	CHECK(copy(world.context, world.memory, 0, source, 2).done == page_size());
	CHECK(reader.get() == pattern_word(0));
}

MEMORY_TEST_CASE("a copy that fails after some pages leaves the waiters of the others asleep",
		 "[copy]")
{
	const World world(2, TestType::kind);
	const auto source = cut_off(2, 1);
	auto first = in_thread([&] { return world.memory.word(0); });
	auto second = in_thread([&] { return world.memory.word(1); });

	next_fault(world.context);
	next_fault(world.context);
	CHECK(copy(world.context, world.memory, 0, source, 2).done == page_size());
	CHECK(first.get() == pattern_word(0));
	/* If it were woken, it would be gone, or pending again. */
	const auto waiters = fdinfo(world.context.fd());
	CHECK(waiters.total == 1);
	CHECK(waiters.pending == 0);
	world.fill(1);
	CHECK(second.get() == pattern_word(1));
}

MEMORY_TEST_CASE("a result that can't be written is EFAULT and the pages are there", "[copy]")
{
	const World world(1, TestType::kind);
	const Memory structure(1);
	const auto source = patterned(1);
	auto *fields = new (structure.page(0)) uffdio_copy{.dst = world.memory.address(0),
							   .src = source.address(0),
							   .len = page_size(),
							   .mode = 0,
							   .copy = 0};

	checked(::mprotect(structure.page(0), page_size(), PROT_READ));
	CHECK(world.context.ioctl(UFFDIO_COPY, fields).error().value() == EFAULT);
	CHECK(is_there(world.memory, 0));
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
}

TEST_CASE("copied pages go with fork and are copied on write", "[copy]")
{
	const World world(2);

	world.fill(0);
	Process child([&] {
		const bool inherited = has_pattern(world.memory.bytes(0, 1), 0);
		world.memory.word(0) = 77;
		return inherited && world.memory.word(0) == 77 ? 0 : 1;
	});
	CHECK(child.wait() == 0);
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
}

MEMORY_TEST_CASE("pages copied into locked memory are locked", "[copy]")
{
	const Memory memory(16, TestType::kind);
	checked(::mlock2(memory.page(0), 16 * page_size(), MLOCK_ONFAULT));
	const Registered registered(memory);
	const auto source = patterned(16);

	REQUIRE(copy(registered.context, memory, 0, source, 16));
	CHECK(count_patterned(memory) == 16);
	CHECK(smaps_bytes(memory.range(), "Locked") == 16 * page_size());
}

TEMPLATE_TEST_CASE("copied pages can become a huge page", "[copy]", Anonymous, SharedFile)
{
	need_transparent_huge_pages();
	/* The kernel makes a huge page only of pages that have no unexpected references. */
	const auto memory = Memory::aligned(page_table, huge_page, TestType::kind);
	const Registered registered(memory);
	const auto source = patterned(page_table);

	REQUIRE(copy(registered.context, memory, 0, source, page_table));
	wait_until("the pages are a huge page", [&] {
		const int result = ::madvise(memory.page(0), huge_page, MADV_COLLAPSE);
		if (result && errno != EAGAIN)
			skip("the kernel can't collapse pages");
		return result == 0;
	});
	CHECK(smaps_bytes(memory.range(), "AnonHugePages") +
		      smaps_bytes(memory.range(), "ShmemPmdMapped") ==
	      huge_page);
	CHECK(count_patterned(memory) == page_table);
}

MEMORY_TEST_CASE("copied pages are charged to the group of the process that gets them",
		 "[copy][security]")
{
	const std::size_t pages = 1024;
	const MemoryGroup group;
	Consumer consumer(pages, TestType::kind, [](const Memory &) {
		::pause();
		return 0;
	});
	const auto source = patterned(pages);

	group.add(consumer.process.pid());
	const auto before = group.bytes();
	REQUIRE(copy(consumer.context, consumer.memory, 0, source, pages));
	CHECK(group.bytes() >= before + pages * page_size());
	consumer.process.signal(SIGKILL);
	consumer.process.wait();
	consumer.memory.drop(0, pages);
	wait_until("the group has given the pages back",
		   [&] { return group.bytes() < pages * page_size() / 2; });
}

MEMORY_TEST_CASE("a page that was dropped can be copied again", "[copy]")
{
	const World world(1, TestType::kind);

	for (unsigned i = 0; i < 100; i++) {
		world.fill(0);
		REQUIRE(has_pattern(world.memory.bytes(0, 1), 0));
		world.memory.drop(0, 1);
		REQUIRE_FALSE(is_there(world.memory, 0));
	}
}
