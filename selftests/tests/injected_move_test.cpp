// SPDX-License-Identifier: GPL-2.0-only
/*
 * UFFDIO_MOVE while an allocation, or a copy from or to user memory, fails: each page is in one of
 * the two places, and the rest can be moved.
 */
#include "lib/fail_nth.hpp"
#include "lib/files.hpp"
#include "lib/huge_pages.hpp"
#include "lib/maps.hpp"
#include "lib/protection.hpp"
#include "lib/swap.hpp"
#include "lib/thp.hpp"
#include "lib/tracked.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>

using namespace selftests;
using namespace userfault;

namespace {

/* In memory or in swap. */
bool has_page(std::uint64_t pagemap_entry)
{
	return pagemap_entry & (pagemap_present | pagemap_swapped);
}

bool has_page(const Memory &memory, std::size_t index)
{
	return has_page(pagemap_entry(memory.address(index)));
}

/*
 * Moves @count pages of @source, which have patterns, from page @first on to the same pages of
 * @target: in one call, which may fail, and then what is left.
 */
void move_with_a_failure(FailNth &nth, const Context &context, const Memory &target,
			 const Memory &source, std::size_t first, std::size_t count)
{
	const auto move = [&](std::size_t from) {
		return context.move(target.address(from), source.range(from, first + count - from));
	};
	Progress progress;
	nth([&] { return progress = move(first); });
	std::size_t next = first + progress.done / page_size();

	if (progress.error)
		CHECK((is_injected(progress.error.value()) || progress.error.value() == EAGAIN));
	/* A command that can't write its result has moved the pages. */
	if (progress.error.value() == EFAULT)
		while (next < first + count && has_page(target, next))
			next++;
	const auto there = pagemap_entries(target), left = pagemap_entries(source);
	for (std::size_t i = first; i < first + count; i++) {
		CHECK(has_page(there[i]) == (i < next));
		CHECK(has_page(left[i]) == (i >= next));
	}
	for (std::size_t i = next; i < first + count; i++)
		CHECK(has_pattern(source.bytes(i, 1), i));

	while (next < first + count) {
		const auto rest = move(next);

		REQUIRE(rest.done > 0);
		next += rest.done / page_size();
	}
	for (std::size_t i = first; i < first + count; i++)
		CHECK(has_pattern(target.bytes(i, 1), i));
	CHECK_FALSE(has_page(source, first));
}

/* Moves pages [@first, @first + @count) of a huge page. */
void move_of_huge_page(std::size_t first, std::size_t count)
{
	need(Features::Move);
	fail_each([&](FailNth &nth) {
		const auto source = Memory::aligned(page_table, huge_page);
		const auto target = Memory::aligned(page_table, huge_page);
		const auto context = open_context();

		make_huge(source);
		checked(::madvise(target.page(0), huge_page, MADV_HUGEPAGE));
		take(context.register_range(target.range(), Modes::Missing));
		move_with_a_failure(nth, context, target, source, first, count);
		for (std::size_t i = 0; i < first; i++)
			CHECK(has_pattern(source.bytes(i, 1), i));
	});
}

} // namespace

TEST_CASE("pages that find no memory to move are in one of the two places", "[injected][move]")
{
	constexpr std::size_t pages = 3;

	need(Features::Move);
	fail_each([&](FailNth &nth) {
		const auto source = patterned(pages);
		/* It has page tables of two levels to itself, and none yet. */
		const World world(
			Memory::aligned(gigantic_page_size / page_size(), gigantic_page_size),
			Modes::Missing);

		move_with_a_failure(nth, world.context, world.memory, source, 0, pages);
	});
}

namespace {

constexpr std::size_t swap_bytes = 64 << 20;

/* Moves pages that are in swap, and that @prepare has been called for before. */
template <class Prepare> void move_of_swapped_pages(const Prepare &prepare)
{
	constexpr std::size_t pages = 3;

	need_failures();
	need(Features::Move);
	const Swap swap(swap_bytes);

	fail_each([&](FailNth &nth) {
		const auto source = patterned(pages);
		const World world(Memory::aligned(page_table, huge_page), Modes::Missing);
		[[maybe_unused]] const auto kept = prepare(source);

		swap_out(source, 0, pages);
		move_with_a_failure(nth, world.context, world.memory, source, 0, pages);
	});
}

/* A pipe that has all pages, so that they stay in the swap cache. */
struct PipeOf : Pipe {
	explicit PipeOf(const Memory &memory)
	{
		const iovec all{memory.page(0), memory.range().length};

		checked(::vmsplice(in.get(), &all, 1, 0));
	}
};

} // namespace

TEST_CASE("pages in swap that find no memory to move are in one of the two places",
	  "[injected][move][swap]")
{
	move_of_swapped_pages([](const Memory &) { return 0; });
}

TEST_CASE("pages in the swap cache that find no memory to move are in one of the two places",
	  "[injected][move][swap]")
{
	move_of_swapped_pages([](const Memory &source) { return PipeOf(source); });
}

TEST_CASE("pages that find no memory to move are protected where they have arrived",
	  "[injected][move][rwp]")
{
	constexpr std::size_t pages = 3;

	need(Features::Rwp);
	need(Features::Move);
	fail_each([&](FailNth &nth) {
		const auto source = patterned(pages);
		const Tracked tracked(
			Memory::aligned(page_table, huge_page), [](const Memory &) {},
			Features::None, Modes::Missing);
		Progress progress;

		nth([&] {
			return progress = tracked.context.move(tracked.memory.address(0),
							       source.range());
		});
		/* A command that can't write its result has moved the pages. */
		std::size_t moved = 0;
		while (moved < pages && is_there(tracked.memory, moved))
			moved++;
		CHECK(moved >= progress.done / page_size());
		CHECK(tracked.only_protected(0, moved));
		tracked.unprotect();
		for (std::size_t i = 0; i < pages; i++)
			CHECK(has_pattern((i < moved ? tracked.memory : source).bytes(i, 1), i));
	});
}

TEST_CASE("a huge page that finds no memory to move is in one of the two places",
	  "[injected][move][slow]")
{
	move_of_huge_page(0, page_table);
}

TEST_CASE("a huge page that finds no memory to be split is where it was", "[injected][move][slow]")
{
	move_of_huge_page(page_table - 2, 2);
}
