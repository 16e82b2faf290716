// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_MOVE into the memory of a virtual machine on KVM, and out of it. */
#include "lib/guest_world.hpp"
#include "lib/protection.hpp"
#include "lib/thp.hpp"

#include <catch2/catch.hpp>

using namespace selftests;
using namespace userfault;

TEST_CASE("a guest gets a page that is moved to where it waits", "[kvm][move]")
{
	need(Features::Move);
	GuestWorld world(2);
	const auto source = patterned(1, 7);
	auto reader = world.reading(1);

	world.next_fault_is(1, FaultFlags::None);
	CHECK(world.context.move(world.range(1, 1).start, source.range()));
	CHECK(reader.get() == pattern_word(7));
	CHECK(world.write(1, 5));
	CHECK(world.word(1) == 5);
	CHECK(world.nothing_is_told());
}

TEST_CASE("a page that is moved away from a guest is missing for it", "[kvm][move]")
{
	need(Features::Move);
	GuestWorld world(2);
	const Memory target(1);

	take(world.context.register_range(target.range(), Modes::Missing));
	world.fill(1);
	CHECK(world.write(1, 5));
	CHECK(world.context.move(target.address(0), world.range(1, 1)));
	CHECK(target.word(0) == 5);
	auto writer = world.writing(1, 6);
	world.next_fault_is(1, FaultFlags::Write);
	world.fill(1);
	CHECK(writer.get());
	CHECK(world.word(1) == 6);
	CHECK(target.word(0) == 5);
}

TEST_CASE("a huge page that is moved away from a guest is missing for it", "[kvm][move]")
{
	need(Features::Move);
	GuestWorld world(Memory::aligned(page_table, huge_page), page_size(), Modes::WriteProtect);
	const auto target = Memory::aligned(page_table, huge_page);

	make_huge(world.memory);
	take(world.context.register_range(target.range(), Modes::Missing));
	take(world.context.register_range(world.memory.range(),
					  Modes::Missing | Modes::WriteProtect));
	CHECK(world.write(3, 5));
	CHECK(world.context.move(target.address(0), world.memory.range()));
	CHECK(target.word(3) == 5);
	auto writer = world.writing(3, 6);
	world.next_fault_is(3, FaultFlags::Write);
	world.fill(3);
	CHECK(writer.get());
	CHECK(world.word(3) == 6);
	CHECK(target.word(3) == 5);
}
