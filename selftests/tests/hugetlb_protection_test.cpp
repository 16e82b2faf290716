// SPDX-License-Identifier: GPL-2.0-only
/* hugetlb memory: write protection. Counts in huge pages. */
#include "lib/hugetlb.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/protection.hpp"
#include "lib/scan.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

/* Huge pages that are there, with their patterns, registered for write protection. */
struct GuardedHuge {
	explicit GuardedHuge(std::size_t count, MemoryKind kind, Features features = Features::None,
			     Modes modes = Modes::WriteProtect)
		: pages(2 * count), memory(count, kind), context(open_context(features))
	{
		take(context.register_range(memory.range(), modes));
	}

	void write() const
	{
		for (std::size_t i = 0; i < pages.pool().total / 2; i++)
			memory.write_pattern(i, i);
	}

	void protect(std::size_t first, std::size_t count) const
	{
		take(context.write_protect(memory.range(first, count)));
	}

	void unprotect(std::size_t first, std::size_t count) const
	{
		take(context.write_unprotect(memory.range(first, count)));
	}

	const HugePages pages;
	const HugeMemory memory;
	const Context context;
};

} // namespace

HUGE_TEST_CASE("a write to a protected huge page waits and is reported", "[hugetlb][wp]")
{
	const GuardedHuge guarded(3, TestType::kind);

	guarded.write();
	guarded.protect(1, 1);
	CHECK(guarded.memory.is_protected(1));
	CHECK_FALSE(guarded.memory.is_protected(0));
	CHECK(guarded.memory.has_pattern(1, 1));
	guarded.memory.small_word(0, 0) = 4;
	guarded.memory.small_word(2, 0) = 4;

	auto writer = in_thread([&] { guarded.memory.small_word(1, 7) = 5; });
	const auto fault = next_fault(guarded.context);
	CHECK(fault.address == guarded.memory.address(1));
	CHECK(fault.flags == (FaultFlags::WriteProtect | FaultFlags::Write));
	CHECK(guarded.memory.has_pattern(1, 1));
	CHECK_FALSE(is_done(writer));
	guarded.unprotect(1, 1);
	writer.get();
	CHECK(guarded.memory.small_word(1, 7) == 5);
	CHECK_FALSE(guarded.memory.is_protected(1));
	CHECK(fdinfo(guarded.context.fd()).total == 0);
}

HUGE_TEST_CASE("a part of a huge page is not protected", "[hugetlb][wp]")
{
	const GuardedHuge guarded(1, TestType::kind);
	const auto start = guarded.memory.address(0);

	guarded.write();
	CHECK(guarded.context.write_protect({start, page_size()}).error().value() == EINVAL);
	CHECK(guarded.context.write_protect({start + page_size(), huge_page_size - page_size()})
		      .error()
		      .value() == EINVAL);
	CHECK_FALSE(guarded.memory.is_protected(0));
}

HUGE_TEST_CASE("a huge page that is protected before it is there stays so", "[hugetlb][wp]")
{
	const GuardedHuge guarded(1, TestType::kind);

	guarded.protect(0, 1);
	CHECK(guarded.memory.small_word(0, 1) == 0);
	CHECK(guarded.memory.is_protected(0));
	auto writer = in_thread([&] { guarded.memory.small_word(0, 1) = 6; });
	CHECK(next_fault(guarded.context).flags == (FaultFlags::WriteProtect | FaultFlags::Write));
	guarded.unprotect(0, 1);
	writer.get();
	CHECK(guarded.memory.small_word(0, 1) == 6);
}

HUGE_TEST_CASE("a huge page is copied write-protected", "[hugetlb][wp]")
{
	const GuardedHuge guarded(2, TestType::kind, Features::None,
				  Modes::WriteProtect | Modes::Missing);
	const HugeSource source(2, 30);

	guarded.protect(1, 1); /* a copy without WP replaces that */
	REQUIRE(guarded.context.copy(guarded.memory.address(0), source.bytes(0, 1),
				     CopyModes::WriteProtect));
	REQUIRE(guarded.context.copy(guarded.memory.address(1), source.bytes(1, 1)));
	CHECK(guarded.memory.is_protected(0));
	CHECK_FALSE(guarded.memory.is_protected(1));
	guarded.memory.small_word(1, 0) = 2;
	auto writer = in_thread([&] { guarded.memory.small_word(0, 0) = 2; });
	CHECK(next_fault(guarded.context).flags == (FaultFlags::WriteProtect | FaultFlags::Write));
	CHECK(guarded.memory.has_pattern(0, 30));
	guarded.unprotect(0, 1);
	writer.get();
	CHECK(guarded.memory.small_word(0, 0) == 2);
}

HUGE_TEST_CASE("a protected huge page unprotects itself if that was asked for", "[hugetlb][wp]")
{
	need(Features::WpAsync);
	const GuardedHuge guarded(2, TestType::kind, Features::WpAsync);

	guarded.write();
	guarded.protect(0, 2);
	guarded.memory.small_word(1, 3) = 9;
	CHECK(guarded.memory.small_word(1, 3) == 9);
	CHECK_FALSE(guarded.memory.is_protected(1));
	CHECK(guarded.memory.is_protected(0));
	CHECK(guarded.memory.has_pattern(0, 0));
	CHECK_FALSE(take(guarded.context.read()));
}

HUGE_TEST_CASE("a scan finds the huge pages that were written to and protects them again",
	       "[hugetlb][wp]")
{
	need(Features::WpAsync);
	const GuardedHuge guarded(4, TestType::kind, Features::WpAsync);

	guarded.write();
	guarded.protect(0, 4);
	CHECK(written_ranges(guarded.memory.range()).empty());
	guarded.memory.small_word(1, 3) = 9;
	guarded.memory.small_word(2, 0) = 9;
	const auto found = written_ranges(guarded.memory.range());
	REQUIRE(found.size() == 1);
	CHECK(found[0].start == guarded.memory.address(1));
	CHECK(found[0].end == guarded.memory.address(3));
	CHECK(guarded.memory.is_protected(1));
	CHECK(written_ranges(guarded.memory.range()).empty());
}

HUGE_TEST_CASE("unregistering leaves no huge page protected", "[hugetlb][wp]")
{
	const GuardedHuge guarded(2, TestType::kind);

	guarded.write();
	guarded.protect(0, 2);
	take(guarded.context.unregister_range(guarded.memory.range(0, 1)));
	CHECK_FALSE(guarded.memory.is_protected(0));
	CHECK(guarded.memory.is_protected(1));
	guarded.memory.small_word(0, 0) = 3;
	CHECK(guarded.memory.small_word(0, 0) == 3);
}

/* Native userfaultfd has unprotected it by the time it finds that it can't split the mapping. */
HUGE_TEST_CASE("unregistering a part of a huge page is refused and unprotects nothing",
	       "[hugetlb][wp][module]")
{
	const GuardedHuge guarded(2, TestType::kind);
	auto half = guarded.memory.range(1, 1);

	guarded.write();
	guarded.protect(0, 2);
	half.length /= 2;
	CHECK(guarded.context.unregister_range(half).error().value() == EINVAL);
	CHECK(guarded.memory.is_protected(0));
	CHECK(guarded.memory.is_protected(1));
}
