// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_MOVE of pages that are swapped out, or are being swapped out. */
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/swap.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t swap_bytes = 64 << 20;

/* Pages that are swapped out, and a place to move them to. */
struct SwapMove {
	explicit SwapMove(std::size_t pages)
		: need_it((need(Features::Move), true)), swap(swap_bytes), world(pages),
		  source(pages)
	{
		for (std::size_t i = 0; i < pages; i++)
			write_pattern(source.bytes(i, 1), i);
		swap_out(source, 0, pages);
	}

	Progress move(std::size_t to, std::size_t from, std::size_t count) const
	{
		return world.context.move(world.memory.address(to), source.range(from, count));
	}

	bool need_it;
	Swap swap;
	World world;
	Memory source;
};

/*
 * Private memory of /dev/zero, which is anonymous memory that has a file. Newer kernels don't index
 * its anonymous pages by their place in the file.
 */
Memory of_zero_device(std::size_t pages)
{
	const Fd zero(static_cast<int>(checked(::open("/dev/zero", O_RDWR | O_CLOEXEC))));

	return Memory::aligned(pages, huge_page, zero, MAP_PRIVATE);
}

/* Memory of /dev/zero to move pages to. */
struct ZeroMove {
	explicit ZeroMove(Memory from)
		: need_it((need(Features::Move), true)), swap(swap_bytes), source(std::move(from)),
		  world(of_zero_device(source.pages()), Modes::Missing)
	{
	}

	void move() const
	{
		REQUIRE(world.context.move(world.memory.address(0), source.range()));
		REQUIRE(count_patterned(world.memory) == source.pages());
	}

	/* A page that can't be found by its index can't be swapped out. */
	void swap_all_out() const { swap_out(world.memory, 0, world.memory.pages()); }

	bool need_it;
	Swap swap;
	Memory source;
	World world;
};

} // namespace

TEST_CASE("pages moved into a mapping of /dev/zero can be swapped out", "[move][swap]")
{
	const ZeroMove move(of_zero_device(16));

	for (std::size_t i = 0; i < 16; i++)
		write_pattern(move.source.bytes(i, 1), i);
	move.move();
	move.swap_all_out();
}

/*
 * The pipe keeps the page, so that it stays in the swap cache when it is swapped out. If its index
 * is that of another place when it is mapped again, KSM has it copied.
 */
TEST_CASE("a page that was moved into a mapping of /dev/zero while in the swap cache is not copied",
	  "[move][swap]")
{
	const ZeroMove move(patterned(1));
	const auto frame = frame_of(move.source, 0);
	iovec all{move.source.page(0), page_size()};
	std::array<int, 2> pipe;

	checked(::pipe(pipe.data()));
	const Fd reader(pipe[0]), writer(pipe[1]);
	checked(::vmsplice(writer.get(), &all, 1, 0));
	swap_out(move.source, 0, 1);
	move.move();
	CHECK(frame_of(move.world.memory, 0) == frame);
	std::vector<std::byte> read(page_size());
	checked(::read(reader.get(), read.data(), read.size()));
	move.swap_all_out();
}

TEST_CASE("a huge page moved into a mapping of /dev/zero can be swapped out", "[move][swap][thp]")
{
	const ZeroMove move(of_zero_device(page_table));

	make_huge(move.source);
	move.move();
	CHECK(smaps_bytes(move.world.memory.range(), "AnonHugePages") == huge_page);
	move.swap_all_out();
}

TEST_CASE("a page that is swapped out is moved as it is", "[move][swap]")
{
	const SwapMove move(100);

	REQUIRE(move.move(0, 1, 99));
	for (std::size_t i = 0; i < 99; i++)
		if (!is_swapped(move.world.memory, i) || is_swapped(move.source, i + 1))
			FAIL("page " << i);
	CHECK(is_swapped(move.source, 0));
	CHECK(smaps_bytes(move.world.memory.range(), "Swap") == 99 * page_size());
	for (std::size_t i = 0; i < 99; i++)
		if (!has_pattern(move.world.memory.bytes(i, 1), i + 1))
			FAIL("page " << i);
	move.world.memory.word(7) = 7;
	CHECK(move.world.memory.word(7) == 7);
	CHECK(is_zero(move.source.bytes(5, 1)));
	CHECK(has_pattern(move.source.bytes(0, 1), 0));
}

TEST_CASE("pages in memory and in swap are moved together", "[move][swap]")
{
	const SwapMove move(64);

	for (std::size_t i = 0; i < 64; i += 3)
		CHECK(has_pattern(move.source.bytes(i, 1), i));
	REQUIRE(move.move(0, 0, 64));
	for (std::size_t i = 0; i < 64; i++)
		if (!has_pattern(move.world.memory.bytes(i, 1), i))
			FAIL("page " << i);
}

TEST_CASE("moving a page in swap that a child shares is EBUSY until it is unshared", "[move][swap]")
{
	const SwapMove move(2);
	{
		const Process child([] { return ::pause(); });

		CHECK(move.move(0, 0, 1).error.value() == EBUSY);
		CHECK(is_swapped(move.source, 0));
	}
	move.source.word(1) = pattern_word(1);
	REQUIRE(move.move(1, 1, 1));
	CHECK(has_pattern(move.world.memory.bytes(1, 1), 1));
}

/* Natively a page stays protected if it was swapped out, and doesn't if it wasn't. */
TEST_CASE("a page in swap does not stay protected when it is moved", "[move][wp][swap][module]")
{
	need(Features::Move);
	const Swap swap(swap_bytes);
	const Guarded source(2);
	const World world(2);

	source.protect();
	swap_out(source.memory, 0, 1);
	REQUIRE(source.is_protected(0));
	REQUIRE(world.context.move(world.memory.address(0), source.memory.range()));
	for (const std::size_t i : {0uz, 1uz}) {
		CHECK_FALSE(is_protected_at(world.memory.address(i)));
		world.memory.word(i) = i;
		CHECK(world.memory.word(i) == i);
	}
}

TEST_CASE("pages that are swapped while they move are never lost or torn",
	  "[move][swap][slow][smp]")
{
	need(Features::Move);
	const std::size_t pages = 64;
	const unsigned rounds = 60;
	const Swap swap(swap_bytes);
	const World there(pages), back(pages);
	std::atomic<bool> stop = false;

	for (std::size_t i = 0; i < pages; i++)
		there.fill(i);
	const std::uint64_t first = there.memory.word(0);
	auto pusher = in_thread([&] {
		for (std::size_t i = 0; !stop; i = (i + 16) % pages) {
			push_out(there.memory, i, 16);
			push_out(back.memory, i, 16);
		}
	});
	auto writer = in_thread([&] {
		std::uint64_t count = 0;
		for (; !stop; count++) {
			auto &word = const_cast<std::uint64_t &>(there.memory.word(0));
			std::atomic_ref(word).fetch_add(1); /* waits while the page is away */
		}
		return count;
	});
	std::size_t swapped = 0;
	for (unsigned round = 0; round < rounds; round++) {
		REQUIRE(back.context.move(back.memory.address(0), there.memory.range()));
		swapped += is_swapped(back.memory, round % pages);
		REQUIRE(there.context.move(there.memory.address(0), back.memory.range()));
		swapped += is_swapped(there.memory, round % pages);
	}
	stop = true;
	pusher.get();
	const auto added = writer.get();
	CHECK(swapped > 0);
	CHECK(there.memory.word(0) == first + added);
	for (std::size_t i = 1; i < pages; i++)
		if (!has_pattern(there.memory.bytes(i, 1), i))
			FAIL("page " << i);
}
