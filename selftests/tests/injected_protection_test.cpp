// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protecting and unprotecting while an allocation, or a copy from user memory, fails: a part of the
 * range may be done, no page is lost, and the same call then succeeds.
 */
#include "lib/fail_nth.hpp"
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/protection.hpp"
#include "lib/thp.hpp"
#include "lib/tracked.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

/* Makes a call that may fail, and once more if it has. */
void make_again(FailNth &nth, const std::function<Result<void>()> &call)
{
	if (const int error = nth(call)) {
		CHECK(is_injected(error));
		REQUIRE(call());
	}
}

/* Whether pages [@first, @first + @count), and no others, are protected. */
bool only_protected(const Memory &memory, std::size_t first, std::size_t count)
{
	const auto entries = pagemap_entries(memory);

	for (std::size_t i = 0; i < entries.size(); i++)
		if (!!(entries[i] & pagemap_write_protected) != (i - first < count))
			return false;
	return true;
}

} // namespace

MEMORY_TEST_CASE("protection that finds no memory can be asked for again", "[injected][wp]")
{
	need(Features::WpHugetlbfsShmem);
	fail_each([&](FailNth &nth) {
		const Guarded guarded(Memory(3, TestType::kind), fill_with_patterns);

		make_again(nth, [&] {
			return guarded.context.write_protect(guarded.memory.range(1, 2));
		});
		CHECK(guarded.only_protected(1, 2));
		CHECK(count_patterned(guarded.memory) == 3);
		guarded.memory.word(0) = 1;
		CHECK(guarded.write_is_told(1));
	});
}

MEMORY_TEST_CASE("an end of protection that finds no memory can be asked for again",
		 "[injected][wp]")
{
	need(Features::WpHugetlbfsShmem);
	fail_each([&](FailNth &nth) {
		const Guarded guarded(Memory(3, TestType::kind), fill_with_patterns);

		guarded.protect();
		make_again(nth, [&] {
			return guarded.context.write_unprotect(guarded.memory.range(1, 2));
		});
		CHECK(guarded.only_protected(0, 1));
		CHECK(count_patterned(guarded.memory) == 3);
		guarded.memory.word(2) = 1;
	});
}

/* The pages have no page tables of two levels yet, and get markers. */
MEMORY_TEST_CASE("protection of pages that aren't there can be asked for again", "[injected][wp]")
{
	need(Features::WpUnpopulated);
	fail_each([&](FailNth &nth) {
		const auto memory = Memory::aligned(gigantic_page_size / page_size(),
						    gigantic_page_size, TestType::kind);
		const auto context = open_context(Features::WpUnpopulated);

		take(context.register_range(memory.range(), Modes::WriteProtect));
		make_again(nth, [&] { return context.write_protect(memory.range(1, 2)); });
		CHECK(only_protected(memory, 1, 2));
	});
}

TEST_CASE("protection of a part of a huge page can be asked for again", "[injected][wp][slow]")
{
	fail_each([&](FailNth &nth) {
		const auto memory = Memory::aligned(page_table, huge_page);
		make_huge(memory);
		const auto context = open_context(Features::PagefaultFlagWp);

		take(context.register_range(memory.range(), Modes::WriteProtect));
		make_again(nth, [&] { return context.write_protect(memory.range(4, 2)); });
		CHECK(only_protected(memory, 4, 2));
		CHECK(count_patterned(memory) == page_table);
	});
}

HUGE_TEST_CASE("protection of huge pages can be asked for again", "[injected][wp][hugetlb]")
{
	const HugePages pool(2);

	need(Features::WpHugetlbfsShmem);
	fail_each([&](FailNth &nth) {
		const HugeMemory memory(2, TestType::kind);
		const auto context = open_context(Features::WpHugetlbfsShmem);

		memory.small_word(0, 0) = 7;
		take(context.register_range(memory.range(), Modes::WriteProtect));
		make_again(nth, [&] { return context.write_protect(memory.range()); });
		CHECK(memory.is_protected(0));
		CHECK(memory.is_protected(1));
		CHECK(memory.small_word(0, 0) == 7);
	});
}

/* They get markers, for which the memory has no page tables of two levels yet. */
HUGE_TEST_CASE("protection of huge pages that aren't there can be asked for again",
	       "[injected][wp][hugetlb]")
{
	need(Features::WpHugetlbfsShmem);
	fail_each([&](FailNth &nth) {
		const auto memory = HugeMemory::sparse(TestType::kind);
		const auto context = open_context(Features::WpHugetlbfsShmem);

		take(context.register_range(memory.range(), Modes::WriteProtect));
		make_again(nth, [&] { return context.write_protect(memory.range(1, 2)); });
		for (std::size_t i = 0; i < 4; i++)
			CHECK(memory.is_protected(i) == (i == 1 || i == 2));
	});
}

MEMORY_TEST_CASE("protection against all accesses can be asked for again", "[injected][rwp]")
{
	need(Features::Rwp);
	fail_each([&](FailNth &nth) {
		const Tracked tracked(Memory(3, TestType::kind), fill_with_patterns);

		make_again(nth,
			   [&] { return tracked.context.rwprotect(tracked.memory.range(1, 2)); });
		CHECK(tracked.only_protected(1, 2));
		CHECK(tracked.is_told(1, Access::read));
		tracked.unprotect();
		CHECK(count_patterned(tracked.memory) == 3);
	});
}

MEMORY_TEST_CASE("an end of protection against all accesses can be asked for again",
		 "[injected][rwp]")
{
	need(Features::Rwp);
	fail_each([&](FailNth &nth) {
		const Tracked tracked(Memory(3, TestType::kind), fill_with_patterns);

		tracked.protect();
		make_again(nth,
			   [&] { return tracked.context.rwunprotect(tracked.memory.range(1, 2)); });
		CHECK(tracked.only_protected(0, 1));
		CHECK(has_pattern(tracked.memory.bytes(2, 1), 2));
		tracked.unprotect();
		CHECK(count_patterned(tracked.memory) == 3);
	});
}

TEST_CASE("protection of a part of a huge page against all accesses can be asked for again",
	  "[injected][rwp][slow]")
{
	need(Features::Rwp);
	fail_each([&](FailNth &nth) {
		const Tracked tracked(Memory::aligned(page_table, huge_page), make_huge);

		make_again(nth,
			   [&] { return tracked.context.rwprotect(tracked.memory.range(4, 2)); });
		CHECK(tracked.only_protected(4, 2));
		tracked.unprotect();
		CHECK(count_patterned(tracked.memory) == page_table);
	});
}

HUGE_TEST_CASE("protection of huge pages against all accesses can be asked for again",
	       "[injected][rwp][hugetlb]")
{
	const HugePages pool(2);

	need(Features::Rwp);
	fail_each([&](FailNth &nth) {
		const HugeMemory memory(2, TestType::kind);
		const auto context = open_context(Features::Rwp);

		memory.small_word(0, 0) = 7;
		take(context.register_range(memory.range(), Modes::ReadWriteProtect));
		make_again(nth, [&] { return context.rwprotect(memory.range()); });
		CHECK(memory.is_protected(0));
		CHECK_FALSE(memory.is_protected(1)); /* it isn't there */
		take(context.rwunprotect(memory.range()));
		CHECK(memory.small_word(0, 0) == 7);
	});
}

TEST_CASE("a change of features that can't be read changes nothing, and can be made again",
	  "[injected][rwp][set-mode]")
{
	need(Features::Rwp);
	fail_each([&](FailNth &nth) {
		const Tracked tracked(2);
		const auto change = [&] { return tracked.context.set_mode(Features::RwpAsync); };

		tracked.protect();
		if (const int error = nth(change)) {
			CHECK(error == EFAULT);
			CHECK(tracked.is_told(0, Access::read));
			REQUIRE(change());
		}
		CHECK_FALSE(tracked.is_told(1, Access::read));
	});
}
