// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling while an allocation, or a copy from or to user memory, fails: the command says how far it
 * got, the pages up to there are complete, the others are missing, and the rest can be filled.
 */
#include "lib/fail_nth.hpp"
#include "lib/files.hpp"
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

/* How the pages of a world are filled, and what shows for one page that this was done. */
struct Filling {
	std::function<Progress(std::size_t first, std::size_t count)> fill;
	std::function<bool(std::size_t index)> is_filled;
	std::size_t page = page_size();
};

/*
 * Fills @pages pages in one call, which may fail, and then what is left. A command that can't write
 * its result has filled the pages.
 */
void fill_with_a_failure(FailNth &nth, std::size_t pages, const Filling &filling)
{
	Progress progress;
	nth([&] { return progress = filling.fill(0, pages); });
	auto done = progress.done / filling.page;

	CHECK(progress.done % filling.page == 0);
	if (progress.error)
		CHECK((is_injected(progress.error.value()) || progress.error.value() == EAGAIN));
	else
		CHECK(done == pages);
	if (progress.error.value() == EFAULT)
		while (done < pages && filling.is_filled(done))
			done++;
	for (std::size_t i = 0; i < pages; i++)
		CHECK(filling.is_filled(i) == (i < done));

	while (done < pages) {
		const auto rest = filling.fill(done, pages - done);

		REQUIRE(rest.done > 0);
		done += rest.done / filling.page;
	}
	for (std::size_t i = 0; i < pages; i++)
		CHECK(filling.is_filled(i));
}

constexpr std::size_t pages = 3;

/* New memory, which has page tables of two levels to itself, and none yet. */
World fresh(MemoryKind kind, Modes modes)
{
	return World(Memory::aligned(gigantic_page_size / page_size(), gigantic_page_size, kind),
		     modes);
}

/*
 * Several pages, which are allocated in bulk, or one by one if that fails; and a single one, whose
 * allocation has no second try.
 */
void fill_with_failures(MemoryKind kind, Modes modes,
			const std::function<Filling(const World &)> &make)
{
	for (const auto count : {pages, 1uz})
		fail_each([&](FailNth &nth) {
			const auto world = fresh(kind, modes);

			fill_with_a_failure(nth, count, make(world));
		});
}

bool has_page(const World &world, std::size_t index)
{
	return is_there(world.memory, index) && has_pattern(world.memory.bytes(index, 1), index);
}

/*
 * Poisons pages in one call, which may fail. Afterwards there can be no second poison for those
 * that it has done.
 */
void poison_with_a_failure(FailNth &nth, const Context &context, Range range, std::size_t page)
{
	Progress progress;
	const int error = nth([&] { return progress = context.poison(range); });

	CHECK((error == 0 || is_injected(error) || error == EAGAIN));
	for (std::size_t at = 0; at < range.length; at += page) {
		const auto again = context.poison({range.start + at, page}).error.value();

		/* A command that can't write its result has poisoned them. */
		if (error == EFAULT)
			CHECK((again == 0 || again == EEXIST));
		else
			CHECK(again == (at < progress.done ? EEXIST : 0));
	}
}

} // namespace

MEMORY_TEST_CASE("a copy that finds no memory says how far it got", "[injected][copy]")
{
	const auto source = patterned(pages);

	fill_with_failures(TestType::kind, Modes::Missing, [&](const World &world) {
		return Filling{[&](std::size_t first, std::size_t count) {
				       return world.context.copy(world.memory.address(first),
								 source.bytes(first, count));
			       },
			       [&](std::size_t index) { return has_page(world, index); }};
	});
}

/* A source that isn't in the page table is copied in another way. */
TEST_CASE("a copy from memory that faults says how far it got", "[injected][copy]")
{
	const auto file = shmem_file(pages);
	const Memory source(pages, file, MAP_SHARED);

	for (std::size_t i = 0; i < pages; i++)
		write_pattern(source.bytes(i, 1), i);
	fill_with_failures(MemoryKind::anonymous, Modes::Missing, [&](const World &world) {
		checked(::madvise(source.page(0), source.range().length, MADV_DONTNEED));
		return Filling{[&](std::size_t first, std::size_t count) {
				       return world.context.copy(world.memory.address(first),
								 source.bytes(first, count));
			       },
			       [&](std::size_t index) { return has_page(world, index); }};
	});
}

MEMORY_TEST_CASE("a protected copy that finds no memory says how far it got",
		 "[injected][copy][wp]")
{
	const auto source = patterned(pages);

	if (TestType::kind == MemoryKind::anonymous)
		need(Features::PagefaultFlagWp);
	else
		need(Features::WpHugetlbfsShmem);
	fill_with_failures(
		TestType::kind, Modes::Missing | Modes::WriteProtect, [&](const World &world) {
			return Filling{[&](std::size_t first, std::size_t count) {
					       return world.context.copy(
						       world.memory.address(first),
						       source.bytes(first, count),
						       CopyModes::WriteProtect);
				       },
				       [&](std::size_t index) {
					       return has_page(world, index) &&
						      is_protected_at(world.memory.address(index));
				       }};
		});
}

MEMORY_TEST_CASE("zeroes that find no memory say how far they got", "[injected][zeropage]")
{
	fill_with_failures(TestType::kind, Modes::Missing, [&](const World &world) {
		return Filling{[&](std::size_t first, std::size_t count) {
				       return world.context.zeropage(
					       world.memory.range(first, count));
			       },
			       [&](std::size_t index) {
				       return is_there(world.memory, index) &&
					      is_zero(world.memory.bytes(index, 1));
			       }};
	});
}

MEMORY_TEST_CASE("poison that finds no memory says how far it got", "[injected][poison]")
{
	need(Features::Poison);
	fail_each([&](FailNth &nth) {
		const auto world = fresh(TestType::kind, Modes::Missing);

		poison_with_a_failure(nth, world.context, world.memory.range(0, pages),
				      page_size());
	});
}

namespace {

void map_pages_with_failures(MemoryKind kind, ContinueModes mode)
{
	const auto sharing = kind == MemoryKind::private_file ? MAP_PRIVATE : MAP_SHARED;
	const auto file = shmem_file(gigantic_page_size / page_size());
	const Memory other(pages, file, MAP_SHARED);
	const bool wp = mode == ContinueModes::WriteProtect;

	for (std::size_t i = 0; i < pages; i++)
		write_pattern(other.bytes(i, 1), i);
	fail_each([&](FailNth &nth) {
		const World world(Memory::aligned(gigantic_page_size / page_size(),
						  gigantic_page_size, file, sharing),
				  wp ? Modes::Minor | Modes::WriteProtect : Modes::Minor);

		fill_with_a_failure(nth, pages,
				    {[&](std::size_t first, std::size_t count) {
					     return world.context.resume(
						     world.memory.range(first, count), mode);
				     },
				     [&](std::size_t index) {
					     return has_page(world, index) &&
						    is_protected_at(world.memory.address(index)) ==
							    wp;
				     }});
	});
}

} // namespace

TEMPLATE_TEST_CASE("mapping pages of a file says how far it got without memory",
		   "[injected][minor]", SharedFile, PrivateFile)
{
	need(Features::MinorShmem);
	map_pages_with_failures(TestType::kind, ContinueModes::None);
}

TEMPLATE_TEST_CASE("mapping protected pages of a file says how far it got without memory",
		   "[injected][minor][wp]", SharedFile, PrivateFile)
{
	need(Features::MinorShmem | Features::WpHugetlbfsShmem);
	map_pages_with_failures(TestType::kind, ContinueModes::WriteProtect);
}

namespace {

/* Copies two huge pages with failures. @begin: what to do before each call. */
template <class Begin>
void copy_huge_pages_with_failures(MemoryKind kind, CopyModes mode, const HugeSource &source,
				   Begin begin)
{
	const HugePages pool(2);
	const auto before = pool.pool();
	const bool wp = mode == CopyModes::WriteProtect;

	fail_each([&](FailNth &nth) {
		{
			const HugeMemory memory(2, kind);
			const auto context = open_context();

			take(context.register_range(memory.range(),
						    wp ? Modes::Missing | Modes::WriteProtect
						       : Modes::Missing));
			begin();
			fill_with_a_failure(nth, 2,
					    {[&](std::size_t first, std::size_t count) {
						     return context.copy(memory.address(first),
									 source.bytes(first, count),
									 mode);
					     },
					     [&](std::size_t index) {
						     return memory.is_there(index) &&
							    memory.has_pattern(index, index) &&
							    memory.is_protected(index) == wp;
					     },
					     huge_page_size});
		}
		CHECK(pool.pool() == before);
		CHECK(status_bytes("HugetlbPages") == 0);
	});
}

} // namespace

/* Natively each of a huge page's small pages is a copy that can fail: too many rounds. */
HUGE_TEST_CASE("a copy of huge pages that finds no memory says how far it got",
	       "[injected][hugetlb][slow][module]")
{
	const HugeSource source(2);

	copy_huge_pages_with_failures(TestType::kind, CopyModes::None, source, [] {});
}

HUGE_TEST_CASE("a protected copy of huge pages that finds no memory says how far it got",
	       "[injected][hugetlb][wp][slow][module]")
{
	const HugeSource source(2);

	need(Features::WpHugetlbfsShmem);
	copy_huge_pages_with_failures(TestType::kind, CopyModes::WriteProtect, source, [] {});
}

/* It goes by a buffer. */
TEST_CASE("a copy of huge pages from memory that faults says how far it got",
	  "[injected][hugetlb][slow][module]")
{
	const HugeSource source(2);

	copy_huge_pages_with_failures(MemoryKind::private_huge, CopyModes::None, source,
				      [&] { source.evict(1, 1); });
}

HUGE_TEST_CASE("poison of huge pages that finds no memory says how far it got",
	       "[injected][hugetlb][poison]")
{
	const HugePages pool(2);

	need(Features::Poison);
	fail_each([&](FailNth &nth) {
		const HugeMemory memory(2, TestType::kind);
		const auto context = open_context();

		take(context.register_range(memory.range(), Modes::Missing));
		poison_with_a_failure(nth, context, memory.range(), huge_page_size);
	});
}

/* They have a page table to themselves, and none yet. */
TEMPLATE_TEST_CASE("poison of huge pages that finds no memory for a page table says how far it got",
		   "[injected][hugetlb][poison]", PrivateHuge, SharedHuge)
{
	constexpr auto in_table = gigantic_page_size / huge_page_size;
	const auto sharing = TestType::kind == MemoryKind::private_huge ? MAP_PRIVATE : MAP_SHARED;
	const HugePages pool(2);

	need(Features::Poison);
	fail_each([&](FailNth &nth) {
		const HugeMemory memory(2 * in_table, sharing | MAP_NORESERVE);
		const auto before = memory.address(0) / huge_page_size % in_table;
		const auto context = open_context();

		take(context.register_range(memory.range(), Modes::Missing));
		poison_with_a_failure(nth, context, memory.range((in_table - before) % in_table, 2),
				      huge_page_size);
	});
}

TEMPLATE_TEST_CASE("mapping huge pages of a file says how far it got without memory",
		   "[injected][hugetlb][minor][slow]", PrivateHugeFile, SharedHugeFile)
{
	const auto sharing =
		TestType::kind == MemoryKind::private_huge_file ? MAP_PRIVATE : MAP_SHARED;

	need(Features::MinorHugetlbfs);
	fail_each([&](FailNth &nth) {
		const HugeFileWorld file(2, sharing, Modes::Minor);

		for (std::size_t i = 0; i < 2; i++)
			file.other.write_pattern(i, i);
		fill_with_a_failure(nth, 2,
				    {[&](std::size_t first, std::size_t count) {
					     return file.context.resume(
						     file.memory.range(first, count));
				     },
				     [&](std::size_t index) {
					     return file.memory.is_there(index) &&
						    file.memory.has_pattern(index, index);
				     },
				     huge_page_size});
	});
}
