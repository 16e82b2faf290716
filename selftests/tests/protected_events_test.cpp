// SPDX-License-Identifier: GPL-2.0-only
/* Write protection of memory that is copied by a fork or moved, with the events for that. */
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/waiting_call.hpp"

#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <sys/syscall.h>

using namespace selftests;
using namespace userfault;

namespace {

/* Checks that the next fault is a write to this protected page, and unprotects the page. */
void serve_write(const Context &context, const Memory &memory, std::size_t index)
{
	const auto fault = next_fault(context);

	CHECK(fault.address == memory.address(index));
	CHECK(fault.flags == (FaultFlags::Write | FaultFlags::WriteProtect));
	take(context.write_unprotect(memory.range(index, 1)));
}

} // namespace

MEMORY_TEST_CASE("a child whose fork is reported inherits the protection", "[fork_event][wp]")
{
	const Guarded guarded(Memory(3, TestType::kind), fill_with_patterns, Features::EventFork);

	guarded.protect(0, 2);
	auto parent = in_thread([&] {
		return in_child([&] {
			if (!guarded.only_protected(0, 2))
				return 1;
			guarded.memory.word(0) = 5;
			return guarded.only_protected(1, 1) ? 0 : 2;
		});
	});
	const auto context = next_child(guarded.context);

	serve_write(context, guarded.memory, 0);
	CHECK(parent.get() == 0);
	CHECK(guarded.only_protected(0, 2));
	CHECK(guarded.write_is_told(0));
	CHECK(guarded.write_is_told(1));
	CHECK_FALSE(is_readable(guarded.context));
}

TEST_CASE("a child whose fork is not reported is not protected", "[fork_event][wp]")
{
	const Guarded guarded(2);

	guarded.protect();
	Process child([&] {
		guarded.memory.word(0) = 5;
		return guarded.only_protected(0, 0) ? 0 : 1;
	});
	CHECK(child.wait() == 0);
	CHECK(guarded.only_protected(0, 2));
}

MEMORY_TEST_CASE("memory whose move is reported stays protected", "[event][wp]")
{
	const Guarded guarded(Memory(3, TestType::kind), fill_with_patterns, Features::EventRemap);
	const Memory target(3);

	guarded.protect(0, 2);
	WaitingCall moving(guarded.context, SYS_mremap,
			   [&] { return guarded.memory.remap(0, 3, 3, 0, target.page(0)); });
	CHECK(next_of<Remap>(guarded.context).to.start == target.address(0));
	CHECK(moving.result() == 0);
	for (std::size_t i = 0; i < 3; i++)
		CHECK(is_protected_at(target.address(i)) == (i < 2));
	CHECK(count_patterned(target) == 3);

	auto writer = in_thread([&] { target.word(1) = 7; });
	serve_write(guarded.context, target, 1);
	writer.get();
	target.word(2) = 8;
	CHECK(target.word(1) == 7);
	CHECK_FALSE(is_readable(guarded.context));
}

TEST_CASE("dropping protected pages is reported, and they are no longer protected", "[event][wp]")
{
	const Guarded guarded(2, Features::EventRemove);

	guarded.protect();
	WaitingCall dropping(guarded.context, SYS_madvise, [&] {
		return ::madvise(guarded.memory.page(0), page_size(), MADV_DONTNEED);
	});
	next_of<Remove>(guarded.context);
	CHECK(dropping.result() == 0);
	CHECK(guarded.only_protected(1, 1));
	guarded.memory.word(0) = 1;
	CHECK(guarded.write_is_told(1));
}
