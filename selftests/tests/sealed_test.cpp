// SPDX-License-Identifier: GPL-2.0-only
/* Memory sealed by mseal(2), which can no longer be unmapped, moved or protected. */
#include "lib/maps.hpp"
#include "lib/protection.hpp"
#include "lib/reader.hpp"
#include "lib/seal.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>
#include <utility>

using namespace selftests;
using namespace userfault;

namespace {

Memory sealed(std::size_t pages)
{
	Memory memory(pages);

	seal(memory.range());
	return memory;
}

/* The errno of a system call that has returned @result. */
int error_of(long result)
{
	return result == -1 ? errno : 0;
}
int error_of(const void *result)
{
	return result == MAP_FAILED ? errno : 0;
}

/* Checks that nothing was reported, and that page operations on a page don't wait for a change. */
void check_unchanged(const Context &context, const Memory &memory, std::size_t index)
{
	CHECK_FALSE(is_readable(context));
	CHECK(context.zeropage(memory.range(index, 1)));
}

} // namespace

TEST_CASE("sealed memory is registered, filled, and unregistered like other memory", "[sealed]")
{
	const auto memory = sealed(4);
	const auto context = open_context();

	take(context.register_range(memory.range(1, 2), Modes::Missing));
	CHECK(smaps_flag(memory.range(1, 2), "um"));
	CHECK(memory.word(0) == 0);
	auto reader = in_thread([&] { return memory.word(1) + 0; });
	CHECK(next_fault(context).address == memory.address(1));
	fill(context, memory, 1);
	CHECK(reader.get() == pattern_word(1));
	take(context.unregister_range(memory.range(1, 1)));
	CHECK_FALSE(smaps_flag(memory.range(1, 1), "um"));
	CHECK(smaps_flag(memory.range(2, 1), "um"));
	take(context.unregister_range(memory.range()));
	CHECK(memory.word(2) == 0);
	CHECK(has_pattern(memory.bytes(1, 1), 1));
}

TEST_CASE("the pages of sealed memory are write-protected like others", "[sealed][wp]")
{
	const Guarded guarded(sealed(4), fill_with_patterns);

	guarded.protect(1, 2);
	CHECK(guarded.only_protected(1, 2));
	CHECK(guarded.write_is_told(1));
	CHECK_FALSE(guarded.write_is_told(0));
}

TEST_CASE("calls that the seal refuses are not reported", "[sealed][event]")
{
	const auto context = open_context(every_event);
	const auto memory = sealed(8);
	auto *const start = memory.page(0);
	const auto length = memory.range().length;
	const Memory elsewhere(8);

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(error_of(::munmap(start, length)) == EPERM);
	check_unchanged(context, memory, 0);
	CHECK(error_of(::munmap(memory.page(2), page_size())) == EPERM);
	check_unchanged(context, memory, 1);
	CHECK(error_of(::mremap(start, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
				elsewhere.page(0))) == EPERM);
	check_unchanged(context, memory, 2);
	CHECK(error_of(::mremap(start, length, length, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
				nullptr)) == EPERM);
	check_unchanged(context, memory, 3);
	CHECK(error_of(::mremap(start, length, page_size(), 0)) == EPERM);
	check_unchanged(context, memory, 4);
	CHECK(error_of(::mmap(start, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			      0)) == EPERM);
	check_unchanged(context, memory, 5);
	CHECK(error_of(::mprotect(start, length, PROT_READ)) == EPERM);
	check_unchanged(context, memory, 6);
	CHECK(smaps_flag(memory.range(), "um"));
	CHECK(count_mappings(memory.range()) == 1);
	take(context.unregister_range(memory.range()));
}

TEST_CASE("a move onto sealed memory is refused and not reported", "[sealed][event]")
{
	const World world(4, every_event);
	const auto target = sealed(4);

	take(world.context.register_range(target.range(), Modes::Missing));
	CHECK(error_of(::mremap(world.memory.page(0), 4 * page_size(), 4 * page_size(),
				MREMAP_MAYMOVE | MREMAP_FIXED, target.page(0))) == EPERM);
	check_unchanged(world.context, world.memory, 0);
	check_unchanged(world.context, target, 0);
	CHECK(smaps_flag(world.memory.range(), "um"));
	CHECK(smaps_flag(target.range(), "um"));
	take(world.context.unregister_range(target.range()));
}

/* Natively it is reported: mm completes the event after a failure, too. */
TEST_CASE("an unmapping that fails at a sealed page is not reported", "[sealed][event]")
{
	const World world(4, every_event);
	Reader reader(world.context);

	seal(world.memory.range(2, 2));
	CHECK(error_of(::munmap(world.memory.page(0), 4 * page_size())) == EPERM);
	CHECK(reader.taken().size() == (backend_under_test() == Backend::native ? 1 : 0));
	CHECK(smaps_flag(world.memory.range(), "um"));
	for (std::size_t i = 0; i < 4; i++)
		check_unchanged(world.context, world.memory, i);
}

TEST_CASE("dropping sealed pages is reported, unless they can't be written", "[sealed][event]")
{
	const World world(4, every_event);
	const auto drop = [&](std::size_t first) {
		return ::madvise(world.memory.page(first), 2 * page_size(), MADV_DONTNEED);
	};

	for (std::size_t i = 0; i < 4; i++)
		world.fill(i);
	checked(::mprotect(world.memory.page(0), 2 * page_size(), PROT_READ));
	seal(world.memory.range(0, 4));
	CHECK(error_of(drop(0)) == EPERM);
	CHECK_FALSE(is_readable(world.context));
	CHECK(count_patterned(world.memory) == 4);
	WaitingCall dropping(world.context, SYS_madvise, [&] { return drop(2); });
	CHECK(next_of<Remove>(world.context).range == world.memory.range(2, 2));
	CHECK(dropping.result() == 0);
	check_unchanged(world.context, world.memory, 2);
}
