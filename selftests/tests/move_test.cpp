// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_MOVE. */
#include "lib/maps.hpp"
#include "lib/pin.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/thp.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <thread>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

/* Memory to move pages to, and unregistered memory to move them from. */
struct Move {
	explicit Move(std::size_t pages, std::size_t filled)
		: need_it((need(Features::Move), true)), world(pages), source(pages)
	{
		for (std::size_t i = 0; i < filled; i++)
			write_pattern(source.bytes(i, 1), i);
		/* Else khugepaged may make a huge page of it, with zeroes where pages have left. */
		keep_small(source);
	}

	Progress move(std::size_t to, std::size_t from, std::size_t count,
		      MoveModes modes = MoveModes::None) const
	{
		return world.context.move(world.memory.address(to), source.range(from, count),
					  modes);
	}

	bool need_it;
	World world;
	Memory source;
};

/* A huge page to move, and memory of two page tables to move it to. */
struct HugeMove {
	HugeMove()
		: need_it((need(Features::Move), true)),
		  source(Memory::aligned(page_table, huge_page)),
		  memory(Memory::aligned(2 * page_table, huge_page)), context(open_context())
	{
		make_huge(source);
		checked(::madvise(memory.page(0), 2 * huge_page, MADV_HUGEPAGE));
		take(context.register_range(memory.range(), Modes::Missing));
	}

	bool need_it;
	Memory source, memory;
	Context context;
};

} // namespace

TEST_CASE("a moved page is the page that was there before", "[move]")
{
	const Move move(4, 4);
	const auto moved = frame_of(move.source, 2);

	const auto progress = move.move(1, 2, 1);
	CHECK(progress.done == page_size());
	CHECK_FALSE(progress.error);
	CHECK(frame_of(move.world.memory, 1) == moved);
	CHECK(has_pattern(move.world.memory.bytes(1, 1), 2));
	CHECK_FALSE(is_there(move.source, 2));
	CHECK(is_zero(move.source.bytes(2, 1)));
	CHECK(is_there(move.source, 1));
	CHECK_FALSE(is_there(move.world.memory, 2));
}

TEST_CASE("any number of pages can be moved over any border", "[move]")
{
	for (const std::size_t count : {1uz, 2uz, 63uz, 64uz, 65uz, 512uz, 1025uz}) {
		const Move move(1300, 1300);
		INFO(count << " pages");

		const auto progress = move.move(100, 200, count);
		CHECK(progress.done == count * page_size());
		CHECK_FALSE(progress.error);
		for (std::size_t i = 0; i < count; i++)
			if (!has_pattern(move.world.memory.bytes(100 + i, 1), 200 + i))
				FAIL("page " << i);
		CHECK_FALSE(is_there(move.world.memory, 99));
		CHECK_FALSE(is_there(move.world.memory, 100 + count));
		CHECK(is_there(move.source, 199));
		CHECK_FALSE(is_there(move.source, 200));
		CHECK_FALSE(is_there(move.source, 199 + count));
		CHECK(is_there(move.source, 200 + count));
		CHECK(smaps_bytes(move.world.memory.range(), "Rss") == count * page_size());
	}
}

TEST_CASE("moving a page wakes its waiters, unless DONTWAKE is set", "[move]")
{
	const Move move(2, 2);
	auto reader = in_thread([&] { return move.world.memory.word(1); });

	wait_for_sleepers(move.world.context, 1);
	REQUIRE(move.move(1, 0, 1, MoveModes::DontWake));
	CHECK(fdinfo(move.world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	take(move.world.context.wake(move.world.memory.range(1, 1)));
	CHECK(reader.get() == pattern_word(0));

	auto other = in_thread([&] { return move.world.memory.word(0); });
	wait_for_waiters(move.world.context, 1);
	REQUIRE(move.move(0, 1, 1));
	CHECK(other.get() == pattern_word(1));
}

TEST_CASE("a hole in the source is ENOENT, or moved if that was asked for", "[move]")
{
	const Move move(8, 3);

	const auto strict = move.move(0, 0, 8);
	CHECK(strict.done == 3 * page_size());
	CHECK(strict.error.value() == EAGAIN);
	CHECK(move.move(3, 3, 1).error.value() == ENOENT);
	CHECK(move.move(3, 3, 1).done == 0);

	const auto holes = move.move(3, 3, 5, MoveModes::AllowSourceHoles);
	CHECK(holes.done == 5 * page_size());
	CHECK_FALSE(holes.error);
	CHECK_FALSE(is_there(move.world.memory, 3));
}

TEST_CASE("a source without page tables is a hole", "[move]")
{
	need(Features::Move);
	const auto source = Memory::aligned(4 * page_table, huge_page);
	const auto memory = Memory::aligned(4 * page_table, huge_page);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(context.move(memory.address(0), source.range()).error.value() == ENOENT);
	fill(context, memory, 3 * page_table);
	const auto progress =
		context.move(memory.address(0), source.range(), MoveModes::AllowSourceHoles);
	CHECK(progress.done == 3 * page_table * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(context.move(memory.address(3 * page_table), source.range(0, 1),
			   MoveModes::AllowSourceHoles)
		      .error.value() == EEXIST);
	CHECK(has_pattern(memory.bytes(3 * page_table, 1), 3 * page_table));
}

TEST_CASE("moving does not touch a page that is there", "[move]")
{
	const Move move(8, 8);

	move.world.fill(3);
	const auto progress = move.move(0, 0, 8);
	CHECK(progress.done == 3 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(move.move(3, 5, 1).error.value() == EEXIST);
	CHECK(has_pattern(move.world.memory.bytes(3, 1), 3));
	CHECK(has_pattern(move.source.bytes(5, 1), 5));
	CHECK(has_pattern(move.source.bytes(3, 1), 3));
}

TEST_CASE("the zero page is moved", "[move]")
{
	const Move move(3, 0);

	CHECK(move.source.word(0) == 0);
	CHECK(move.source.word(1) == 0);
	REQUIRE(move.move(1, 0, 2));
	CHECK(is_there(move.world.memory, 1));
	CHECK(is_zero(move.world.memory.bytes(1, 2)));
	CHECK_FALSE(is_there(move.source, 0));
	CHECK(smaps_bytes(move.world.memory.range(), "Rss") == 0);
	move.world.memory.word(1) = 5;
	CHECK(move.world.memory.word(1) == 5);
	CHECK(move.world.memory.word(2) == 0);
}

TEST_CASE("pages can be moved within a mapping, back and forth", "[move]")
{
	need(Features::Move);
	const World world(16);
	const auto move = [&](std::size_t to, std::size_t from, std::size_t count) {
		return world.context.move(world.memory.address(to),
					  world.memory.range(from, count));
	};

	for (std::size_t i = 0; i < 8; i++)
		world.fill(i);
	REQUIRE(move(8, 0, 8));
	REQUIRE(move(7, 8, 8)); /* the ranges overlap: page by page */
	REQUIRE(move(0, 7, 8));
	for (std::size_t i = 0; i < 8; i++)
		CHECK(has_pattern(world.memory.bytes(i, 1), i));
	for (std::size_t i = 8; i < 16; i++)
		CHECK_FALSE(is_there(world.memory, i));
	CHECK(move(1, 0, 4).error.value() == EEXIST);
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
}

TEST_CASE("overlapping ranges are moved page by page, including holes", "[move]")
{
	need(Features::Move);
	const World world(16);

	world.fill(0);
	/*
	 * Each step moves the page that the step before has moved: one page goes all the way.
	 */
	REQUIRE(world.context.move(world.memory.address(1), world.memory.range(0, 8),
				   MoveModes::AllowSourceHoles));
	CHECK(has_pattern(world.memory.bytes(8, 1), 0));
	for (std::size_t i = 0; i < 8; i++)
		CHECK_FALSE(is_there(world.memory, i));
}

TEST_CASE("moving a page that a child shares is EBUSY until it is unshared", "[move]")
{
	const Move move(2, 2);

	{
		const Process child([] { return ::pause(); });
		const auto progress = move.move(0, 0, 2);
		CHECK(progress.done == 0);
		CHECK(progress.error.value() == EBUSY);
		CHECK(has_pattern(move.source.bytes(0, 1), 0));
	}
	move.source.word(0) = pattern_word(0); /* the page, or a copy, is the parent's own now */
	CHECK(move.move(0, 0, 1));
	CHECK(has_pattern(move.world.memory.bytes(0, 1), 0));
}

TEST_CASE("source and destination of a move can be written to", "[move]")
{
	const Move move(2, 2);

	REQUIRE(move.move(0, 0, 2));
	move.world.memory.word(0) = 77;
	CHECK(move.world.memory.word(0) == 77);
	write_pattern(move.source.bytes(0, 1), 9);
	REQUIRE(move.world.context.unregister_range(move.world.memory.range()));
	CHECK(move.world.memory.word(0) == 77);
	CHECK(has_pattern(move.source.bytes(0, 1), 9));
}

TEST_CASE("only writable memory that is locked like its destination can be moved", "[move]")
{
	const Move move(4, 4);
	const auto refused = [&](std::size_t to, std::size_t from) {
		return move.move(to, from, 1).error.value();
	};

	checked(::mprotect(move.source.page(1), page_size(), PROT_READ));
	CHECK(refused(0, 1) == EINVAL);
	checked(::mprotect(move.world.memory.page(1), page_size(), PROT_READ));
	CHECK(refused(1, 1) == EINVAL); /* alike, but not writable */
	checked(::mlock(move.source.page(2), page_size()));
	CHECK(refused(2, 2) == EINVAL);
	CHECK(refused(2, 3) == 0);
	checked(::munlock(move.source.page(2), page_size()));
	CHECK(refused(3, 2) == 0);
}

TEST_CASE("pages can be moved only into this context's memory", "[move]")
{
	const Move move(2, 2);
	const World other(2);
	const Memory unregistered(2);
	const auto &context = move.world.context;

	CHECK(context.move(other.memory.address(0), move.source.range(0, 1)).error.value() ==
	      EINVAL);
	CHECK(context.move(unregistered.address(0), move.source.range(0, 1)).error.value() ==
	      EINVAL);
	CHECK(has_pattern(move.source.bytes(0, 1), 0));
	other.fill(0);
	CHECK(context.move(move.world.memory.address(0), other.memory.range(0, 1)));
	CHECK(has_pattern(move.world.memory.bytes(0, 1), 0));
}

TEST_CASE("the source of a move must lie in one mapping", "[move]")
{
	Move move(8, 8);

	CHECK(move.world.context
		      .move(move.world.memory.address(0), {move.source.address(7), 2 * page_size()})
		      .error.value() != 0);
	move.source.unmap(6, 2);
	CHECK(move.move(0, 4, 3).error.value() == EINVAL);
	CHECK(move.move(0, 6, 1).error.value() == ENOENT);
	CHECK(move.move(0, 4, 2));
}

TEST_CASE("a huge page that fits is moved whole", "[move][thp]")
{
	const HugeMove move;
	const auto moved = frame_of(move.source, 0);

	const auto progress =
		move.context.move(move.memory.address(page_table), move.source.range());
	CHECK(progress.done == huge_page);
	CHECK_FALSE(progress.error);
	CHECK(smaps_bytes(move.memory.range(), "AnonHugePages") == huge_page);
	CHECK(smaps_bytes(move.source.range(), "Rss") == 0);
	CHECK(frame_of(move.memory, page_table) == moved);
	for (std::size_t i = 0; i < page_table; i++)
		if (!has_pattern(move.memory.bytes(page_table + i, 1), i))
			FAIL("page " << i);
	move.memory.word(page_table + 7) = 1;
	CHECK(move.memory.word(page_table + 7) == 1);
}

TEST_CASE("a huge page that does not fit is split", "[move][thp]")
{
	const HugeMove move;

	/* Else khugepaged may put it together again, with zeroes where pages have left. */
	keep_small(move.source);
	/* Only a part of it, and not to the start of a huge page. */
	const auto part = move.context.move(move.memory.address(3), move.source.range(5, 100));
	CHECK(part.done == 100 * page_size());
	CHECK_FALSE(part.error);
	CHECK(smaps_bytes(move.source.range(), "AnonHugePages") == 0);
	const auto rest = move.context.move(move.memory.address(200), move.source.range(105, 407));
	CHECK(rest.done == 407 * page_size());
	for (std::size_t i = 0; i < 100; i++)
		if (!has_pattern(move.memory.bytes(3 + i, 1), 5 + i))
			FAIL("page " << i);
	for (std::size_t i = 0; i < 407; i++)
		if (!has_pattern(move.memory.bytes(200 + i, 1), 105 + i))
			FAIL("page " << i);
	for (std::size_t i = 0; i < 5; i++)
		CHECK(has_pattern(move.source.bytes(i, 1), i));
	CHECK(smaps_bytes(move.source.range(), "Rss") == 5 * page_size());
}

TEST_CASE("pages can't be moved into a huge page", "[move][thp]")
{
	need(Features::Move);
	const auto memory = Memory::aligned(page_table, huge_page);
	const Memory source(1);
	const auto context = open_context();

	make_huge(memory);
	write_pattern(source.bytes(0, 1), 99);
	take(context.register_range(memory.range(), Modes::Missing));
	for (const std::size_t i : {0uz, 9uz, page_table - 1})
		CHECK(context.move(memory.address(i), source.range()).error.value() == EEXIST);
	CHECK(smaps_bytes(memory.range(), "AnonHugePages") == huge_page);
	CHECK(has_pattern(source.bytes(0, 1), 99));
}

TEST_CASE("moving a huge page that a child shares is EBUSY and does not split it", "[move][thp]")
{
	const HugeMove move;
	const Process child([] { return ::pause(); });

	CHECK(move.context.move(move.memory.address(0), move.source.range()).error.value() ==
	      EBUSY);
	CHECK(move.context.move(move.memory.address(1), move.source.range(0, 1)).error.value() ==
	      EBUSY);
	CHECK(smaps_bytes(move.source.range(), "AnonHugePages") == huge_page);
}

TEST_CASE("the huge zero page is moved whole", "[move][thp]")
{
	need(Features::Move);
	const auto source = Memory::aligned(page_table, huge_page);
	const auto memory = Memory::aligned(page_table, huge_page);
	const auto context = open_context();

	need_transparent_huge_pages();
	checked(::madvise(source.page(0), huge_page, MADV_HUGEPAGE));
	checked(::madvise(memory.page(0), huge_page, MADV_HUGEPAGE));
	CHECK(source.word(3) == 0);
	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(context.move(memory.address(0), source.range()).done == huge_page);
	CHECK(is_there(memory, 0));
	CHECK(is_there(memory, page_table - 1));
	CHECK(is_zero(memory.bytes(0, page_table)));
	CHECK_FALSE(is_there(source, 3));
	memory.word(4) = 4;
	CHECK(memory.word(4) == 4);
	CHECK(memory.word(5) == 0);
}

TEST_CASE("moving a pinned page is EBUSY and leaves it there", "[move]")
{
	const Move move(4, 4);
	const Pin pin(move.source, 2, 1);
	const auto pinned = frame_of(move.source, 2);

	CHECK(move.move(2, 2, 1).error.value() == EBUSY);
	const auto strict = move.move(0, 0, 4);
	CHECK(strict.done == 2 * page_size());
	CHECK(strict.error.value() == EAGAIN);
	CHECK(frame_of(move.source, 2) == pinned);
	CHECK(has_pattern(move.source.bytes(2, 1), 2));
	CHECK_FALSE(is_there(move.world.memory, 2));
}

TEST_CASE("moving a pinned huge page is EBUSY and leaves it there", "[move][thp]")
{
	const HugeMove move;
	const auto pinned = frame_of(move.source, 0);
	const Pin pin(move.source, 17, 1);

	CHECK(move.context.move(move.memory.address(0), move.source.range()).error.value() ==
	      EBUSY);
	CHECK(frame_of(move.source, 0) == pinned);
	CHECK(has_pattern(move.source.bytes(17, 1), 17));
}

/* Natively the move tries again until the thread is killed, here and in the next test. */
TEST_CASE("moving a part of a pinned huge page is EBUSY", "[move][thp][module]")
{
	const HugeMove move;
	const Pin pin(move.source, 17, 1);

	for (const std::size_t i : {17uz, 3uz})
		CHECK(move.context.move(move.memory.address(5), move.source.range(i, 1))
			      .error.value() == EBUSY);
	CHECK(has_pattern(move.source.bytes(3, 1), 3));
}

TEST_CASE("moving a part of a huge page with another reference is EBUSY", "[move][thp][module]")
{
	const HugeMove move;
	std::array<int, 2> pipe;
	iovec part{move.source.page(9), page_size()};

	checked(::pipe(pipe.data()));
	checked(::vmsplice(pipe[1], &part, 1, 0));
	CHECK(move.context.move(move.memory.address(5), move.source.range(9, 1)).error.value() ==
	      EBUSY);
	::close(pipe[0]);
	::close(pipe[1]);
	CHECK(move.context.move(move.memory.address(5), move.source.range(9, 1)).done ==
	      page_size());
	CHECK(has_pattern(move.memory.bytes(5, 1), 9));
}

TEST_CASE("threads that move parts of one huge page don't block one another", "[move][thp][smp]")
{
	const HugeMove move;
	const auto half = page_table / 2;
	auto other = in_thread([&] {
		return move.context.move(move.memory.address(page_table + half),
					 move.source.range(half, half));
	});

	CHECK(move.context.move(move.memory.address(page_table), move.source.range(0, half)).done ==
	      huge_page / 2);
	CHECK(other.get().done == huge_page / 2);
	for (std::size_t i = 0; i < page_table; i++)
		if (!has_pattern(move.memory.bytes(page_table + i, 1), i))
			FAIL("page " << i);
}

TEST_CASE("threads that move pages of one mapping don't block one another", "[move][smp]")
{
	need(Features::Move);
	constexpr std::size_t threads = 4;
	const World world(2 * threads);
	const unsigned rounds = repeated(100);
	const auto pass = [&](std::size_t to, std::size_t from) {
		return world.context.move(world.memory.address(to), world.memory.range(from, 1))
			.done;
	};
	std::vector<std::future<std::uint64_t>> movers;

	for (std::size_t i = 0; i < threads; i++)
		world.fill(i);
	for (std::size_t i = 0; i < threads; i++)
		movers.push_back(in_thread([&, i] {
			std::uint64_t moved = 0;
			for (unsigned round = 0; round < rounds; round++)
				moved += pass(threads + i, i) + pass(i, threads + i);
			return moved;
		}));
	for (auto &mover : movers)
		CHECK(mover.get() == 2 * rounds * page_size());
	for (std::size_t i = 0; i < threads; i++)
		CHECK(has_pattern(world.memory.bytes(i, 1), i));
}

TEST_CASE("a page that a pipe refers to can be moved", "[move]")
{
	const Move move(4, 4);
	const auto pipes = [] {
		std::array<int, 2> ends;
		checked(::pipe(ends.data()));
		return ends;
	}();
	iovec part{move.source.page(1), page_size()};

	/* The pipe has a reference to the page, but doesn't pin it. */
	checked(::vmsplice(pipes[1], &part, 1, 0));
	CHECK(move.move(1, 1, 1));
	std::vector<std::byte> read(page_size());
	checked(::read(pipes[0], read.data(), read.size()));
	CHECK(has_pattern(read, 1));
	::close(pipes[0]);
	::close(pipes[1]);
}

TEST_CASE("pages that are written while they move are never lost or torn", "[move][slow][smp]")
{
	/*
	 * Each page is passed from one place to the other and back, under a thread that adds to it.
	 */
	need(Features::Move);
	const World there(64), back(64);
	const unsigned rounds = repeated(200);
	std::atomic<bool> stop = false;
	std::atomic<std::uint64_t> added = 0;

	for (std::size_t i = 0; i < 64; i++)
		there.fill(i);
	std::vector<std::uint64_t> first(64);
	for (std::size_t i = 0; i < 64; i++)
		first[i] = there.memory.word(i);
	auto writer = in_thread([&] {
		std::uint64_t count = 0;
		for (std::size_t i = 0; !stop; i = (i + 1) % 64, count++) {
			auto &word = const_cast<std::uint64_t &>(there.memory.word(i));
			std::atomic_ref(word).fetch_add(1); /* waits while the page is away */
		}
		return count;
	});
	for (unsigned round = 0; round < rounds; round++) {
		const auto away = back.context.move(back.memory.address(0), there.memory.range());
		REQUIRE(away.done == 64 * page_size());
		const auto home = there.context.move(there.memory.address(0), back.memory.range());
		REQUIRE(home.done == 64 * page_size());
	}
	stop = true;
	added = writer.get();
	std::uint64_t sum = 0;
	for (std::size_t i = 0; i < 64; i++)
		sum += there.memory.word(i) - first[i];
	CHECK(sum == added);
}

TEST_CASE("a move of another process's memory is EINVAL", "[move][security]")
{
	const Move move(2, 2);
	Process child([&] { return move.move(0, 0, 1).error.value(); });

	CHECK(child.wait() == EINVAL);
	CHECK_FALSE(is_there(move.world.memory, 0));
}
