// SPDX-License-Identifier: GPL-2.0-only
/* Read-write protection of every kind of page, and of memory that system calls and forks change. */
#include "lib/consumer.hpp"
#include "lib/hugetlb.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"
#include "lib/swap.hpp"
#include "lib/thp.hpp"
#include "lib/tracked.hpp"
#include "lib/waiting_call.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>
#include <sys/syscall.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t swap_bytes = 32 << 20;

/* Memory that is one huge page. */
Tracked huge()
{
	return Tracked(Memory::aligned(page_table, huge_page), make_huge);
}

bool is_huge(const Tracked &tracked)
{
	return smaps_bytes(tracked.memory.range(), "AnonHugePages") == huge_page;
}

void read_zeroes(const Memory &memory)
{
	for (std::size_t i = 0; i < memory.pages(); i++)
		if (memory.word(i))
			give_up("new memory is not zero");
}

void use_huge_zero_page(const Memory &memory)
{
	if (::madvise(memory.page(0), memory.range().length, MADV_HUGEPAGE))
		skip("the kernel has no transparent huge pages");
	if (memory.word(5))
		give_up("new memory is not zero");
}

long move_mapping(const Memory &from, const Memory &to)
{
	return from.remap(0, from.pages(), from.pages(), 0, to.page(0));
}

/* Checks that the next fault is such an access to a page of @memory, and lets it go on. */
void serve(const Context &context, const Memory &memory, std::size_t index, Access access)
{
	const auto fault = next_fault(context);

	CHECK(fault.address == memory.address(index));
	CHECK(fault.flags == told_of(access));
	take(context.rwunprotect(memory.range(index, 1)));
}

} // namespace

TEST_CASE("a huge page is read-write-protected and unprotected whole", "[rwp]")
{
	const auto tracked = huge();

	tracked.protect();
	CHECK(is_huge(tracked));
	CHECK(tracked.only_protected(0, page_table));
	auto reader = tracked.touch(300, Access::read);
	const auto fault = next_fault(tracked.context);
	CHECK(fault.address == tracked.memory.address(300));
	CHECK(fault.flags == told_of(Access::read));
	CHECK_FALSE(is_done(reader));
	tracked.unprotect();
	CHECK(reader.get() == pattern_word(300));
	CHECK(is_huge(tracked));
	CHECK(tracked.only_protected(0, 0));
	CHECK(count_patterned(tracked.memory) == page_table);
}

TEST_CASE("a part of a huge page can be read-write-protected, and unprotected", "[rwp]")
{
	const auto tracked = huge();

	tracked.protect(100, 3);
	CHECK_FALSE(is_huge(tracked));
	CHECK(tracked.only_protected(100, 3));
	CHECK(tracked.is_told(101, Access::read));
	CHECK_FALSE(tracked.is_told(99, Access::write));

	const auto whole = huge();
	whole.protect();
	CHECK(whole.is_told(7, Access::write));
	CHECK_FALSE(whole.is_protected(7));
	CHECK(whole.is_protected(6));
	CHECK(whole.is_told(8, Access::read));
	whole.unprotect(100, 200);
	CHECK_FALSE(whole.is_told(200, Access::read));
	CHECK(whole.is_told(300, Access::read));
}

TEST_CASE("a huge page whose protection resolves itself stays one", "[rwp][rwp-async]")
{
	need(Features::Rwp);
	const Tracked tracked(Memory::aligned(page_table, huge_page), make_huge,
			      Features::RwpAsync);

	tracked.protect();
	CHECK(tracked.memory.word(9) == pattern_word(9));
	CHECK(is_huge(tracked));
	CHECK(tracked.only_protected(0, 0));
	tracked.protect();
	tracked.memory.word(9) = 4;
	CHECK(count_patterned(tracked.memory) == 9);
	CHECK(tracked.nothing_is_told());
}

TEST_CASE("the zero page and the huge one can be read-write-protected", "[rwp]")
{
	const Tracked small(Memory(2), read_zeroes);

	small.protect();
	CHECK(small.only_protected(0, 2));
	CHECK(small.is_told(0, Access::read));
	CHECK(small.is_told(1, Access::write));
	CHECK(small.memory.word(0) == 0);

	const Tracked large(Memory::aligned(page_table, huge_page), use_huge_zero_page);
	large.protect();
	if (!large.is_protected(400))
		skip("the huge zero page is not in use");
	CHECK(large.is_told(5, Access::read));
	CHECK(large.is_told(400, Access::write));
	large.unprotect();
	CHECK(large.memory.word(300) == 0);
}

TEST_CASE("mprotect leaves read-write protection as it is", "[rwp]")
{
	const Tracked tracked(2);
	const auto length = tracked.memory.range().length;

	tracked.protect(0, 1);
	for (const int protection : {PROT_READ, PROT_NONE, PROT_READ | PROT_WRITE})
		checked(::mprotect(tracked.memory.page(0), length, protection));
	CHECK(tracked.only_protected(0, 1));
	CHECK(tracked.is_told(0, Access::write));
	CHECK_FALSE(tracked.is_told(1, Access::write));
}

TEST_CASE("memory that has lost all access since can be unregistered", "[rwp]")
{
	const Tracked tracked(1);

	tracked.protect();
	checked(::mprotect(tracked.memory.page(0), page_size(), PROT_NONE));
	take(tracked.context.unregister_range(tracked.memory.range()));
	checked(::mprotect(tracked.memory.page(0), page_size(), PROT_READ));
	CHECK(has_pattern(tracked.memory.bytes(0, 1), 0));
}

TEST_CASE("a page that is dropped is no longer read-write-protected", "[rwp]")
{
	const Tracked tracked(2);

	tracked.protect();
	checked(::madvise(tracked.memory.page(0), page_size(), MADV_DONTNEED));
	CHECK_FALSE(tracked.is_told(0, Access::read));
	CHECK(tracked.is_told(1, Access::read));
}

TEST_CASE("a read-write-protected page stays so in swap", "[rwp][swap]")
{
	constexpr std::size_t pages = 40;
	const Tracked tracked(pages);
	const Swap swap(swap_bytes);

	tracked.protect();
	swap_out(tracked.memory, 0, pages);
	CHECK(tracked.only_protected(0, pages));
	CHECK(tracked.is_told(0, Access::read));
	CHECK(tracked.is_told(1, Access::write));
	tracked.unprotect(2, 1);
	CHECK_FALSE(tracked.is_told(2, Access::read));

	tracked.unprotect();
	swap_out(tracked.memory, 10, 10);
	tracked.protect(10, 5);
	CHECK(tracked.only_protected(10, 5));
	CHECK(tracked.is_told(11, Access::write));
	CHECK_FALSE(tracked.is_told(16, Access::read));
	tracked.unprotect();
	CHECK(count_patterned(tracked.memory) == 1);
	CHECK(has_pattern(tracked.memory.bytes(12, 1), 12));
}

TEST_CASE("the read-write protection of a page in swap resolves itself", "[rwp][rwp-async][swap]")
{
	constexpr std::size_t pages = 20;
	const Tracked tracked(pages, Features::RwpAsync);
	const Swap swap(swap_bytes);

	tracked.protect();
	swap_out(tracked.memory, 0, pages);
	CHECK(tracked.memory.word(3) == pattern_word(3));
	tracked.memory.word(4) = 4;
	CHECK(tracked.memory.word(4) == 4);
	CHECK_FALSE(tracked.is_protected(3));
	CHECK_FALSE(tracked.is_protected(4));
	CHECK(tracked.is_protected(19));
	CHECK(tracked.nothing_is_told());
}

MEMORY_TEST_CASE("a child whose fork is reported inherits read-write protection",
		 "[rwp][fork_event]")
{
	const Tracked tracked(Memory(3, TestType::kind), fill_with_patterns, Features::EventFork);

	tracked.protect(0, 2);
	auto parent = in_thread([&] {
		return in_child([&] {
			if (!tracked.only_protected(0, 2))
				return 1;
			if (tracked.memory.word(0) != pattern_word(0))
				return 2;
			return tracked.only_protected(1, 1) ? 0 : 3;
		});
	});
	const auto context = next_child(tracked.context);

	serve(context, tracked.memory, 0, Access::read);
	CHECK(parent.get() == 0);
	CHECK(tracked.only_protected(0, 2));
	CHECK(tracked.is_told(0, Access::write));
	CHECK(tracked.is_told(1, Access::read));
}

MEMORY_TEST_CASE("a child whose fork is not reported has access, and its parent still waits",
		 "[rwp]")
{
	const Tracked tracked(Memory(2, TestType::kind), fill_with_patterns);

	tracked.protect();
	Process child([&] {
		tracked.memory.word(1) = 5;
		return tracked.only_protected(0, 0) && tracked.memory.word(0) == pattern_word(0)
			       ? 0
			       : 1;
	});
	CHECK(child.wait() == 0);
	CHECK(tracked.only_protected(0, 2));
	CHECK(tracked.is_told(0, Access::read));
	CHECK(tracked.is_told(1, Access::write));
}

/*
 * Native userfaultfd leaves the bits in the child's page tables, though no monitor will serve it.
 */
TEST_CASE("a child whose event nobody reads is not read-write-protected",
	  "[rwp][fork_event][module]")
{
	need(Features::Rwp);
	const auto options = options_for(Features::Rwp | Features::EventFork);
	Consumer parent(2, options, [](const Memory &memory) {
		static_cast<void>(memory.word(1) + 0);
		Process child([&] {
			return !is_protected_at(memory.address(0)) &&
					       memory.word(0) == pattern_word(0)
				       ? 0
				       : 1;
		});
		return child.wait();
	});
	const auto page = parent.memory.range(0, 1);

	parent.fill(0);
	take(parent.context.register_range(page, Modes::Missing | Modes::ReadWriteProtect));
	take(parent.context.rwprotect(page));
	CHECK(next_fault(parent.context).address == parent.memory.address(1));
	parent.fill(1);
	wait_until("the fork is reported", [&] { return is_readable(parent.context); });
	static_cast<void>(Fd(parent.context.release()));
	CHECK(parent.process.wait() == 0);
}

MEMORY_TEST_CASE("memory whose move is reported stays read-write-protected", "[rwp][event]")
{
	const Tracked tracked(Memory(3, TestType::kind), fill_with_patterns, Features::EventRemap);
	const Memory target(3);

	tracked.protect(0, 2);
	WaitingCall moving(tracked.context, SYS_mremap,
			   [&] { return move_mapping(tracked.memory, target); });
	CHECK(next_of<Remap>(tracked.context).to.start == target.address(0));
	CHECK(moving.result() == 0);
	for (std::size_t i = 0; i < 3; i++)
		CHECK(is_protected_at(target.address(i)) == (i < 2));

	auto reader = in_thread([&] { return target.word(1) + 0; });
	serve(tracked.context, target, 1, Access::read);
	CHECK(reader.get() == pattern_word(1));
	CHECK(target.word(2) == pattern_word(2));
	CHECK_FALSE(is_readable(tracked.context));
}

MEMORY_TEST_CASE("memory whose move is not reported has access", "[rwp]")
{
	const Tracked tracked(Memory(2, TestType::kind), fill_with_patterns);
	const Memory target(2);

	tracked.protect();
	REQUIRE(move_mapping(tracked.memory, target) == 0);
	CHECK_FALSE(is_protected_at(target.address(0)));
	CHECK(has_pattern(target.bytes(0, 1), 0));
	target.word(1) = 4;
	CHECK(target.word(1) == 4);
}

TEST_CASE("a huge page that moves stays read-write-protected, or has access", "[rwp][event]")
{
	const Tracked told(Memory::aligned(page_table, huge_page), make_huge, Features::EventRemap);
	const auto target = Memory::aligned(page_table, huge_page);

	told.protect();
	WaitingCall moving(told.context, SYS_mremap,
			   [&] { return move_mapping(told.memory, target); });
	next_of<Remap>(told.context);
	CHECK(moving.result() == 0);
	CHECK(is_protected_at(target.address(40)));
	auto reader = in_thread([&] { return target.word(40) + 0; });
	serve(told.context, target, 40, Access::read);
	CHECK(reader.get() == pattern_word(40));

	const auto untold = huge();
	const auto other = Memory::aligned(page_table, huge_page);
	untold.protect();
	REQUIRE(move_mapping(untold.memory, other) == 0);
	CHECK(count_patterned(other) == page_table);
}

TEST_CASE("a page moved into read-write-protected memory is protected", "[rwp][move]")
{
	const Tracked tracked(Memory(4), [](const Memory &) {}, Features::None, Modes::Missing);
	const Memory source(4);

	write_pattern(source.bytes(0, 1), 0);
	write_pattern(source.bytes(1, 1), 1);
	CHECK(source.word(2) == 0);
	REQUIRE(tracked.context.move(tracked.memory.address(0), source.range(),
				     MoveModes::AllowSourceHoles));
	CHECK(tracked.only_protected(0, 3));
	CHECK(tracked.is_told(0, Access::read));
	CHECK(has_pattern(tracked.memory.bytes(0, 1), 0));
	CHECK(tracked.is_told(1, Access::write));
	CHECK(tracked.is_told(2, Access::write));
	CHECK(is_zero(source.bytes(0, 4)));
}

TEST_CASE("a thread whose page is moved into read-write-protected memory then waits for access",
	  "[rwp][move]")
{
	const Tracked tracked(Memory(1), [](const Memory &) {}, Features::None, Modes::Missing);
	const auto source = patterned(1);
	auto reader = tracked.touch(0, Access::read);

	CHECK(next_fault(tracked.context).flags == FaultFlags::None);
	REQUIRE(tracked.context.move(tracked.memory.address(0), source.range()));
	serve(tracked.context, tracked.memory, 0, Access::read);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("a huge page moved into read-write-protected memory is protected", "[rwp][move]")
{
	need_transparent_huge_pages();
	const Tracked tracked(
		Memory::aligned(2 * page_table, huge_page),
		[](const Memory &memory) {
			checked(::madvise(memory.page(0), memory.range().length, MADV_HUGEPAGE));
		},
		Features::None, Modes::Missing);
	const auto source = Memory::aligned(page_table, huge_page);
	const auto zeroes = Memory::aligned(page_table, huge_page);

	make_huge(source);
	use_huge_zero_page(zeroes);
	REQUIRE(tracked.context.move(tracked.memory.address(0), source.range()));
	CHECK(is_huge(tracked));
	CHECK(tracked.only_protected(0, page_table));
	if (!tracked.context.move(tracked.memory.address(page_table), zeroes.range()))
		skip("the huge zero page is not in use");
	CHECK(tracked.only_protected(0, 2 * page_table));
	CHECK(tracked.is_told(9, Access::read));
	CHECK(tracked.is_told(page_table + 9, Access::write));
	tracked.unprotect();
	CHECK(count_patterned(tracked.memory) == page_table);
	CHECK(tracked.memory.word(page_table) == 0);
}

TEST_CASE("a page in swap moved into read-write-protected memory is protected", "[rwp][move][swap]")
{
	constexpr std::size_t pages = 20;
	const Tracked tracked(Memory(pages), [](const Memory &) {}, Features::None, Modes::Missing);
	const Swap swap(swap_bytes);
	const auto source = patterned(pages);

	swap_out(source, 0, pages);
	REQUIRE(tracked.context.move(tracked.memory.address(0), source.range()));
	CHECK(tracked.only_protected(0, pages));
	CHECK(tracked.is_told(3, Access::read));
	tracked.unprotect();
	CHECK(count_patterned(tracked.memory) == pages);
}

TEST_CASE("a read-write-protected page that is moved away has access", "[rwp][move]")
{
	const auto tracked = huge();
	const Memory small(2);
	const auto target = Memory::aligned(page_table, huge_page);
	const auto zeroes = Tracked(Memory::aligned(page_table, huge_page), use_huge_zero_page);
	const auto zero_target = Memory::aligned(page_table, huge_page);
	auto &context = tracked.context;

	for (const auto *memory : {&small, &target, &zero_target})
		take(context.register_range(memory->range(), Modes::Missing));
	checked(::madvise(target.page(0), huge_page, MADV_HUGEPAGE));
	tracked.protect();
	zeroes.protect();
	REQUIRE(context.move(zero_target.address(0), zeroes.memory.range()));
	CHECK_FALSE(is_protected_at(zero_target.address(7)));
	CHECK(zero_target.word(7) == 0);
	zero_target.word(8) = 8;
	CHECK(zero_target.word(8) == 8);

	REQUIRE(context.move(target.address(0), tracked.memory.range()));
	CHECK_FALSE(is_protected_at(target.address(7)));
	CHECK(count_patterned(target) == page_table);
	CHECK(tracked.nothing_is_told());
}

HUGE_TEST_CASE("an access to a read-write-protected page of hugetlb waits and is reported",
	       "[rwp][hugetlb]")
{
	need(Features::Rwp);
	const HugePages pages(6);
	const HugeMemory memory(3, TestType::kind);
	const auto context = open_context(Features::Rwp);
	const auto protect = [&](std::size_t first, std::size_t count) {
		take(context.rwprotect(memory.range(first, count)));
	};

	memory.write_pattern(0, 0);
	memory.write_pattern(1, 1);
	take(context.register_range(memory.range(), Modes::ReadWriteProtect));
	protect(0, 3);
	CHECK(memory.is_protected(0));
	CHECK(memory.is_protected(1));
	CHECK_FALSE(memory.is_protected(2));
	memory.small_word(2, 0) = 4;

	for (const auto access : {Access::read, Access::write}) {
		auto touched = in_thread([&]() -> std::uint64_t {
			if (access == Access::write)
				memory.small_word(1, 7) = 5;
			return memory.small_word(1, 7);
		});
		const auto fault = next_fault(context);
		CHECK(fault.address == memory.address(1));
		CHECK(fault.flags == told_of(access));
		CHECK_FALSE(is_done(touched));
		take(context.rwunprotect(memory.range(1, 1)));
		CHECK((touched.get() == 5) == (access == Access::write));
		CHECK_FALSE(memory.is_protected(1));
		protect(1, 1);
	}

	auto half = memory.range(0, 1);
	half.length /= 2;
	CHECK(context.rwprotect(half).error().value() == EINVAL);
	CHECK(context.rwunprotect(half).error().value() == EINVAL);
	take(context.unregister_range(memory.range()));
	CHECK(memory.has_pattern(0, 0));
	CHECK(memory.small_word(1, 7) == 5);
	CHECK(fdinfo(context.fd()).total == 0);
}

HUGE_TEST_CASE("the read-write protection of a page of hugetlb resolves itself",
	       "[rwp][rwp-async][hugetlb]")
{
	need(Features::Rwp);
	const HugePages pages(6);
	const HugeMemory memory(3, TestType::kind);
	const auto context = open_context(Features::Rwp | Features::RwpAsync);

	for (std::size_t i = 0; i < 3; i++)
		memory.write_pattern(i, i);
	take(context.register_range(memory.range(), Modes::ReadWriteProtect));
	take(context.rwprotect(memory.range()));
	CHECK(memory.has_pattern(0, 0));
	memory.small_word(1, 3) = 9;
	CHECK(memory.small_word(1, 3) == 9);
	CHECK_FALSE(memory.is_protected(0));
	CHECK_FALSE(memory.is_protected(1));
	CHECK(memory.is_protected(2));
	CHECK_FALSE(take(context.read()));
}
