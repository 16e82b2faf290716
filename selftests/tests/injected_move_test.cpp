// SPDX-License-Identifier: GPL-2.0-only
/*
 * UFFDIO_MOVE while an allocation, or a copy from or to user memory, fails: each page is in one of
 * the two places, and the rest can be moved.
 */
#include "lib/fail_nth.hpp"
#include "lib/huge_pages.hpp"
#include "lib/maps.hpp"
#include "lib/protection.hpp"
#include "lib/thp.hpp"
#include "lib/tracked.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

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
		while (next < first + count && is_there(target, next))
			next++;
	const auto there = pagemap_entries(target), left = pagemap_entries(source);
	for (std::size_t i = first; i < first + count; i++) {
		CHECK(!(there[i] & pagemap_present) == (i >= next));
		CHECK(!(left[i] & pagemap_present) == (i < next));
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
	CHECK_FALSE(is_there(source, first));
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
