// SPDX-License-Identifier: GPL-2.0-only
/* Pages of a file in shmem that are swapped out: they belong to the file like any other page. */
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/swap.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 24;

/* A file of which all pages are swapped out, and registered memory that is a mapping of it. */
struct SwappedWorld {
	SwappedWorld(Modes modes, int sharing)
		: file(shmem_file(pages)), other(pages, file, MAP_SHARED),
		  world(Memory(pages, file, sharing), modes)
	{
		for (std::size_t i = 0; i < pages; i++)
			write_pattern(other.bytes(i, 1), i);
		wait_until("the file is swapped out", [&] {
			push_out(other, 0, pages);
			return smaps_bytes(other.range(), "Swap") == pages * page_size();
		});
	}

	Swap swap{32 << 20};
	Fd file;
	Memory other;
	World world;
};

} // namespace

TEST_CASE("a page that is swapped out is there", "[shmem][swap]")
{
	const SwappedWorld swapped(Modes::Missing, MAP_SHARED);
	const auto &[memory, context, region] = swapped.world;
	const auto source = patterned(pages, 100);

	CHECK(context.copy(memory.address(0), source.bytes(0, pages)).error.value() == EEXIST);
	CHECK(context.zeropage(memory.range(5, 1)).error.value() == EEXIST);
	CHECK(count_patterned(memory) == pages);
	CHECK(fdinfo(context.fd()).total == 0);
}

TEMPLATE_TEST_CASE("a fault on a page that is swapped out is reported as minor", "[minor][swap]",
		   SharedFile, PrivateFile)
{
	const SwappedWorld swapped(
		Modes::Minor, TestType::kind == MemoryKind::shared_file ? MAP_SHARED : MAP_PRIVATE);
	const auto &[memory, context, region] = swapped.world;
	auto reader = in_thread([&memory = memory] { return memory.word(3); });

	CHECK(next_fault(context).flags == FaultFlags::Minor);
	REQUIRE(context.resume(memory.range(3, 1)));
	CHECK(reader.get() == pattern_word(3));
	CHECK(context.resume(memory.range()).done == 3 * page_size());
	REQUIRE(context.resume(memory.range(4, pages - 4)));
	CHECK(count_patterned(memory) == pages);
}
