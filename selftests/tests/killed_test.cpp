// SPDX-License-Identifier: GPL-2.0-only
/* Commands on ranges of any length: a process that calls them, or waits for them, can be killed. */
#include "lib/killing.hpp"
#include "lib/maps.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t terabyte = 1ull << 40;

/* Memory with no page in it, of any size; private or shared. */
Memory vast(std::size_t bytes, int sharing)
{
	Memory memory(bytes / page_size(), MAP_NORESERVE);

	if (::mmap(memory.page(0), bytes, PROT_READ | PROT_WRITE,
		   sharing | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		give_up("mmap of vast memory");
	return memory;
}

/* Whether filling all of @memory, which is more than the machine has, can be stopped. */
bool can_be_killed_filling(const Memory &memory, const std::function<void()> &fill)
{
	return can_be_killed({.make = fill,
			      .begun = [&] { return pagemap_entry(memory.address(0)) != 0; },
			      .over = [] { return false; },
			      .undo = [] {}});
}

} // namespace

TEST_CASE("a process that fills a terabyte with zeroes can be killed", "[security]")
{
	const auto memory = vast(terabyte, MAP_PRIVATE);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(can_be_killed_filling(memory, [&] { context.zeropage(memory.range()); }));
}

TEST_CASE("a process that copies a terabyte that isn't there can be killed", "[security]")
{
	const auto memory = vast(terabyte, MAP_PRIVATE), source = vast(terabyte, MAP_PRIVATE);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(can_be_killed_filling(
		memory, [&] { context.copy(memory.address(0), source.bytes(0, source.pages())); }));
}

TEST_CASE("a process that poisons a terabyte can be killed", "[security]")
{
	need(Features::Poison);
	const auto memory = vast(terabyte, MAP_PRIVATE);
	const auto context = open_context(Features::Poison);

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(can_be_killed_filling(memory, [&] { context.poison(memory.range()); }));
}
