// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protection of the memory of virtual machines on KVM. A guest has page tables of its own: whatever
 * protects a page has to take it out of these, too, and KVM's own log of writes has to go on.
 */
#include "lib/guest_world.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/scan.hpp"
#include "lib/thp.hpp"
#include "lib/tracked.hpp"

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

using Pages = std::vector<std::size_t>;

/* All pages are there with their patterns, and the guest has written to each of them. */
struct WrittenWorld : GuestWorld {
	explicit WrittenWorld(std::size_t pages, MemoryKind kind = MemoryKind::anonymous,
			      Modes modes = Modes::WriteProtect, Features features = Features::None)
		: GuestWorld(pages, kind, modes, features)
	{
		write_patterns();
		for (std::size_t i = 0; i < pages; i++)
			take(write(i, pattern_word(i)));
	}

	void protect(std::size_t first, std::size_t count) const
	{
		take(context.write_protect(range(first, count)));
	}

	void unprotect(std::size_t first, std::size_t count) const
	{
		take(context.write_unprotect(range(first, count)));
	}

	/* Writes to a protected page; the monitor gets to know, and lets it go on. */
	void write_told(std::size_t index, Vcpu::Word value)
	{
		auto writer = writing(index, value);

		wait_until("the page is written or the fault waits",
			   [&] { return is_done(writer) || fdinfo(context.fd()).pending; });
		REQUIRE_FALSE(is_done(writer));
		next_fault_is(index, FaultFlags::WriteProtect | FaultFlags::Write);
		CHECK(has_pattern(index));
		unprotect(index, 1);
		CHECK(writer.get());
		CHECK(word(index) == value);
	}

	/* Whether KVM has logged writes to the first words of these pages, and to no others. */
	bool has_logged(Pages pages) const
	{
		for (auto &page : pages)
			page *= small_pages;
		return guest.logged() == pages;
	}
};

} // namespace

GUEST_TEST_CASE("a guest that writes to a page has to wait once the page is protected", "[kvm][wp]")
{
	WrittenWorld world(3, TestType::kind);

	world.protect(1, 1);
	CHECK(world.read(1) == pattern_word(1));
	CHECK(world.write(0, 5));
	CHECK(world.write(2, 6));
	CHECK(world.nothing_is_told());
	world.write_told(1, 7);
	CHECK(world.write(1, 8));
	CHECK(world.nothing_is_told());
	world.protect(1, 1);
	CHECK(world.read(1) == 8u);
	auto writer = world.writing(1, 9);
	world.next_fault_is(1, FaultFlags::WriteProtect | FaultFlags::Write);
	world.unprotect(0, 3);
	CHECK(writer.get());
}

TEMPLATE_TEST_CASE("a page that a guest is writing to stays as it is once it is protected",
		   "[kvm][wp][smp]", Anonymous, SharedFile, SharedHugeFile)
{
	WrittenWorld world(1, TestType::kind);
	Vcpu::Word last = world.word(0);
	auto counter = in_thread([&] { return world.vcpu().count(0); });

	for (int i = 0; i < 5; i++) {
		wait_until("the guest counts", [&] { return world.word(0) != last; });
		world.protect(0, 1);
		last = world.word(0);
		world.next_fault_is(0, FaultFlags::WriteProtect | FaultFlags::Write);
		CHECK(world.word(0) == last);
		world.unprotect(0, 1);
	}
	wait_until("the guest counts", [&] { return world.word(0) != last; });
	world.vcpu().kick();
	CHECK(counter.get().error() == std::errc::interrupted);
}

TEMPLATE_TEST_CASE("a page that a guest writes to can be protected by another process", "[kvm][wp]",
		   Anonymous, SharedFile, SharedHugeFile)
{
	WrittenWorld world(2, TestType::kind);

	/* A fork that copies the memory takes it away from the guest, too. */
	checked(::madvise(world.memory.page(0), world.memory.range().length, MADV_DONTFORK));
	Process process([&] { return world.context.write_protect(world.range(1, 1)) ? 0 : 1; });
	CHECK(process.wait() == 0);
	world.write_told(1, 5);
}

TEST_CASE("a huge page that a guest writes to can be protected, and a page of it, too", "[kvm][wp]")
{
	GuestWorld world(Memory::aligned(page_table, huge_page), page_size(), Modes::WriteProtect);

	make_huge(world.memory);
	CHECK(world.write(4, 4));
	take(world.context.write_protect(world.memory.range()));
	auto first = world.writing(4, 5);
	world.next_fault_is(4, FaultFlags::WriteProtect | FaultFlags::Write);
	CHECK(world.word(4) == 4);
	take(world.context.write_unprotect(world.memory.range()));
	CHECK(first.get());

	CHECK(world.write(3, 5));
	take(world.context.write_protect(world.range(4, 1)));
	CHECK(world.write(3, 6));
	CHECK(world.nothing_is_told());
	auto writer = world.writing(4, 6);
	world.next_fault_is(4, FaultFlags::WriteProtect | FaultFlags::Write);
	CHECK(world.word(4) == 5);
	take(world.context.write_unprotect(world.range(4, 1)));
	CHECK(writer.get());
	CHECK(world.word(4) == 6);
}

GUEST_TEST_CASE("a guest can read a page that was filled write-protected, and not write to it",
		"[kvm][wp]")
{
	GuestWorld world(2, TestType::kind, Modes::Missing | Modes::WriteProtect);
	auto reader = world.reading(1);

	world.next_fault_is(1, FaultFlags::None);
	world.fill(1, CopyModes::WriteProtect);
	CHECK(reader.get() == pattern_word(1));
	auto writer = world.writing(1, 5);
	world.next_fault_is(1, FaultFlags::WriteProtect | FaultFlags::Write);
	CHECK(world.has_pattern(1));
	take(world.context.write_unprotect(world.range(1, 1)));
	CHECK(writer.get());
	CHECK(world.word(1) == 5);
}

GUEST_TEST_CASE("pages that a guest has written to are found by PAGEMAP_SCAN, each time",
		"[kvm][wp-async]")
{
	need(Features::WpAsync);
	WrittenWorld world(4, TestType::kind, Modes::WriteProtect, Features::WpAsync);
	const auto written = [&] { return written_ranges(world.range(0, 4)); };

	world.protect(0, 4);
	CHECK(written().empty());
	for (int i = 0; i < 2; i++) {
		CHECK(world.read(0));
		CHECK(world.write(2, 5));
		const auto ranges = written();
		REQUIRE(ranges.size() == 1);
		CHECK(ranges[0].start == world.range(2, 1).start);
		CHECK(ranges[0].end == world.range(2, 1).end());
	}
	CHECK(world.nothing_is_told());
}

TEMPLATE_TEST_CASE("KVM's log of writes and protection each see every write", "[kvm][wp]",
		   Anonymous, SharedFile, SharedHugeFile)
{
	WrittenWorld world(4, TestType::kind);

	world.guest.log_writes();
	CHECK(world.has_logged({}));
	world.protect(1, 2);
	CHECK(world.write(0, 5));
	world.write_told(1, 6);
	CHECK(world.has_logged({0, 1}));

	CHECK(world.write(1, 7));
	CHECK(world.has_logged({1}));
	world.write_told(2, 8);
	CHECK(world.has_logged({2}));
	CHECK(world.has_logged({}));
	CHECK(world.nothing_is_told());
}

/*
 * To log a write, KVM takes away the guest's right to write and gives it back without a look at the
 * process's page tables, as long as they had it.
 */
TEMPLATE_TEST_CASE("a page that KVM logs writes to is still protected", "[kvm][wp]", Anonymous,
		   SharedFile, SharedHugeFile)
{
	WrittenWorld world(2, TestType::kind);

	world.guest.log_writes();
	CHECK(world.write(1, pattern_word(1)));
	CHECK(world.has_logged({1}));
	world.protect(1, 1);
	world.write_told(1, 5);
	CHECK(world.has_logged({1}));
}

GUEST_TEST_CASE("a guest has to wait for a page that is read-write-protected", "[kvm][rwp]")
{
	need(Features::Rwp);
	WrittenWorld world(3, TestType::kind, Modes::ReadWriteProtect, Features::Rwp);

	take(world.context.rwprotect(world.range(1, 2)));
	CHECK(world.read(0) == pattern_word(0));
	auto reader = world.reading(1);
	world.next_fault_is(1, told_of(Access::read));
	take(world.context.rwunprotect(world.range(1, 1)));
	CHECK(reader.get() == pattern_word(1));
	auto writer = world.writing(2, 5);
	world.next_fault_is(2, told_of(Access::write));
	take(world.context.rwunprotect(world.range(2, 1)));
	CHECK(writer.get());
	CHECK(world.word(2) == 5);
	CHECK(world.nothing_is_told());
}

GUEST_TEST_CASE("pages that a guest has accessed are found by PAGEMAP_SCAN, each time",
		"[kvm][rwp]")
{
	need(Features::RwpAsync);
	WrittenWorld world(4, TestType::kind, Modes::ReadWriteProtect,
			   Features::Rwp | Features::RwpAsync);
	const auto accessed = [&] { return accessed_ranges(world.range(0, 4)); };

	for (int i = 0; i < 2; i++) {
		take(world.context.rwprotect(world.range(0, 4)));
		CHECK(accessed().empty());
		CHECK(world.read(2) == pattern_word(2));
		const auto ranges = accessed();
		REQUIRE(ranges.size() == 1);
		CHECK(ranges[0].start == world.range(2, 1).start);
		CHECK(ranges[0].end == world.range(2, 1).end());
	}
	CHECK(world.nothing_is_told());
}
