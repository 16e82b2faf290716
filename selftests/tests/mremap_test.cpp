// SPDX-License-Identifier: GPL-2.0-only
/*
 * mremap() of memory whose context doesn't get the event of it: the memory that has moved is
 * unregistered, and nothing else is.
 */
#include "lib/files.hpp"
#include "lib/half_moved.hpp"
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <linux/mman.h>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

/* The first pages of @memory. */
void move(const Memory &memory, std::size_t count, const std::byte *to, std::size_t new_count,
	  int flags = 0)
{
	checked(memory.remap(0, count, new_count, flags, to));
}

} // namespace

TEST_CASE("memory that moves without an event is unregistered", "[event][mremap]")
{
	World world(2);
	const Memory target(4);

	world.fill(0);
	move(world.memory, 2, target.page(0), 4);
	CHECK_FALSE(smaps_flag(target.range(), "um"));
	CHECK(has_pattern(target.bytes(0, 1), 0));
	CHECK(target.word(1) == 0);
	CHECK(target.word(3) == 0);
	world.region.release();
}

/* Natively the whole mapping is unregistered, and the thread sleeps for ever. */
TEST_CASE("when memory moves to the end of its own mapping, only that memory is unregistered",
	  "[event][mremap][module]")
{
	Memory memory(6);
	const auto context = open_context();

	memory.unmap(4, 2);
	take(context.register_range(memory.range(0, 4), Modes::Missing));
	auto reader = in_thread([&] { return memory.word(2) + 0; });
	wait_for_waiters(context, 1);
	next_fault(context);
	move(memory, 1, memory.page(4), 2);

	CHECK(smaps_flag(memory.range(1, 3), "um"));
	CHECK_FALSE(smaps_flag(memory.range(4, 2), "um"));
	CHECK(memory.word(4) == 0);
	CHECK(memory.word(5) == 0);
	fill(context, memory, 2);
	CHECK(reader.get() == pattern_word(2));
	CHECK_FALSE(is_readable(context));
}

/* Natively the neighbour loses its protection, and a write to it is missed. */
TEST_CASE("protected memory stays protected when other memory moves beside it",
	  "[event][mremap][module]")
{
	for (const bool before : {true, false}) {
		const Memory other(2);
		Memory area(4);
		const std::size_t gap = before ? 0 : 2, neighbour = before ? 2 : 0;

		area.unmap(gap, 2);
		area.word(neighbour) = 1;
		area.word(neighbour + 1) = 2;
		const auto context = open_context(Features::PagefaultFlagWp);
		take(context.register_range(area.range(neighbour, 2), Modes::WriteProtect));
		take(context.register_range(other.range(), Modes::WriteProtect));
		take(context.write_protect(area.range(neighbour, 2)));
		move(other, 2, area.page(gap), 2);

		CHECK(smaps_flag(area.range(neighbour, 2), "uw"));
		CHECK_FALSE(smaps_flag(area.range(gap, 2), "uw"));
		area.word(gap) = 3;
		auto writer = in_thread([&] { area.word(neighbour) = 5; });
		CHECK(next_fault(context).address == area.address(neighbour));
		take(context.write_unprotect(area.range(neighbour, 2)));
		writer.get();
		CHECK_FALSE(is_readable(context));
	}
}

/*
 * Natively a page that was protected can stay so at its new place, where no monitor unprotects it.
 */
TEST_CASE("memory that moves without an event is no longer protected", "[event][mremap][module]")
{
	const Guarded guarded(2, Features::PagefaultFlagWp);
	const Memory target(2);

	guarded.protect();
	move(guarded.memory, 2, target.page(0), 2);
	CHECK_FALSE(smaps_flag(target.range(), "uw"));
	for (std::size_t i = 0; i < 2; i++) {
		CHECK_FALSE(is_protected_at(target.address(i)));
		target.word(i) = 7;
	}
	CHECK_FALSE(is_readable(guarded.context));
}

/* Natively the thread goes on waiting for a page that isn't there any more. */
TEST_CASE("a thread that waits for a page that moves away tries again", "[event][mremap][module]")
{
	const Guarded guarded(1, Features::PagefaultFlagWp);
	const Memory target(1);

	guarded.protect();
	auto writer = in_thread([&] { guarded.memory.word(0) = 9; });
	next_fault(guarded.context);
	wait_for_sleepers(guarded.context, 1);
	move(guarded.memory, 1, target.page(0), 1, MREMAP_DONTUNMAP);
	writer.get();
	CHECK(guarded.memory.word(0) == 9);
	CHECK(has_pattern(target.bytes(0, 1), 0));
}

/* Commands work natively too, but then all of the mapping is unregistered. */
TEST_CASE("commands work while memory moves without an event", "[event][mremap][module]")
{
	HalfMoved half(Features::None);

	for (std::size_t i = 0; i < 2; i++)
		fill(half.context(), half.area(), i);
	half.finish();
	CHECK(has_pattern(half.area().bytes(1, 1), 1));
}

TEST_CASE("memory that has moved without an event is ordinary at once", "[event][mremap][module]")
{
	const Pipe pipe;
	HalfMoved half(Features::Sigbus);

	checked(::write(pipe.in.get(), "x", 1));
	CHECK(half.area().word(2) == 0);
	CHECK(::read(pipe.out.get(), half.area().page(3), 1) == 1);
	CHECK_FALSE(is_readable(half.context()));
	half.finish();
	CHECK(half.area().word(3) == 'x');
}

TEST_CASE("in a child that is forked while memory moves, that memory is ordinary",
	  "[event][mremap][module]")
{
	HalfMoved half(Features::EventFork);
	auto forker = in_thread(
		[&] { return in_child([&] { return half.area().word(2) == 0 ? 0 : 1; }); });
	const auto fork = next_of<Fork>(half.context());

	CHECK(forker.get() == 0);
	half.finish();
}
