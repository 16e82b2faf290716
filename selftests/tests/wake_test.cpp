// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_WAKE: which threads go on, and which don't. */
#include "lib/world.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <variant>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* A thread for each page, that waits to read it. */
std::vector<std::future<std::uint64_t>> readers_of(const World &world)
{
	std::vector<std::future<std::uint64_t>> readers;

	for (std::size_t i = 0; i < world.memory.pages(); i++)
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
	wait_for_sleepers(world.context, readers.size());
	return readers;
}

void fill_quietly(const World &world, std::size_t first, std::size_t count)
{
	const auto source = patterned(count, first);
	const auto progress = world.context.copy(world.memory.address(first),
						 source.bytes(0, count), CopyModes::DontWake);

	if (!progress)
		give_up(progress.error.message());
}

} // namespace

TEST_CASE("a woken waiter whose page is missing faults again", "[wake][smp]")
{
	const World world(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	for (unsigned i = 0; i < 3; i++) {
		CHECK(next_fault(world.context).address == world.memory.address(0));
		take(world.context.wake(world.memory.range()));
	}
	CHECK(next_fault(world.context).address == world.memory.address(0));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("a waiter whose fault no monitor has read can be woken", "[wake][smp]")
{
	const World world(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_pending(world.context, 1);
	fill_quietly(world, 0, 1);
	take(world.context.wake(world.memory.range()));
	CHECK(reader.get() == pattern_word(0));
	CHECK_FALSE(take(world.context.read()));
}

TEST_CASE("waking a range lets its waiters go on and no others", "[wake][smp]")
{
	const World world(16);
	auto readers = readers_of(world);

	fill_quietly(world, 0, 16);
	take(world.context.wake(world.memory.range(4, 8)));
	for (std::size_t i = 4; i < 12; i++)
		CHECK(readers[i].get() == pattern_word(i));
	CHECK(fdinfo(world.context.fd()).total == 8);
	take(world.context.wake(world.memory.range()));
	for (const std::size_t i : {0u, 1u, 2u, 3u, 12u, 13u, 14u, 15u})
		CHECK(readers[i].get() == pattern_word(i));
}

TEST_CASE("each of many waiters can be woken by itself", "[wake][smp]")
{
	const std::size_t count = 64;
	const World world(count);
	auto readers = readers_of(world);

	fill_quietly(world, 0, count);
	for (std::size_t n = 0; n < count; n++) {
		const std::size_t i = n * 37 % count; /* in no order */
		take(world.context.wake(world.memory.range(i, 1)));
		CHECK(readers[i].get() == pattern_word(i));
		CHECK(fdinfo(world.context.fd()).total == count - n - 1);
	}
}

TEST_CASE("waking finds waiters far apart", "[wake][smp]")
{
	const std::size_t pages = (8ull << 30) / page_size();
	const Memory memory(pages, MAP_NORESERVE);
	const auto context = open_context();
	std::vector<std::future<std::uint64_t>> readers;

	take(context.register_range(memory.range(), Modes::Missing));
	for (const std::size_t i : {0uz, 1uz, pages / 2, pages - 1})
		readers.push_back(in_thread([&memory, i] { return memory.word(i) + 0; }));
	wait_for_sleepers(context, readers.size());
	for (const std::size_t i : {0uz, 1uz, pages / 2, pages - 1})
		CHECK(context.zeropage(memory.range(i, 1), ZeropageModes::DontWake));
	take(context.wake(memory.range()));
	for (auto &reader : readers)
		CHECK(reader.get() == 0);
}

TEST_CASE("waking where nobody waits does nothing", "[wake][smp]")
{
	const World world(2);
	const Memory elsewhere(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	CHECK(world.context.wake(world.memory.range(1, 1)));
	CHECK(world.context.wake(elsewhere.range()));
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("waking one context does not wake the waiters of another", "[wake][smp]")
{
	const World world(1), other(1);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_waiters(world.context, 1);
	fill_quietly(world, 0, 1);
	take(other.context.wake(world.memory.range()));
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	take(world.context.wake(world.memory.range()));
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("all the waiters of a page are woken together", "[wake][smp]")
{
	const std::size_t count = 32;
	const World world(1);
	std::vector<std::future<std::uint64_t>> readers;

	for (std::size_t i = 0; i < count; i++)
		readers.push_back(in_thread([&] { return world.memory.word(0) + 0; }));
	wait_for_waiters(world.context, count);
	world.fill(0);
	for (auto &reader : readers)
		CHECK(reader.get() == pattern_word(0));
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("no waiter sleeps on that was woken while it was about to sleep", "[wake][smp]")
{
	/* Most are woken several times before their fault is read and their page is filled. */
	const std::size_t threads = 4, pages = threads * repeated(48);
	const World world(pages);
	std::vector<std::future<void>> readers, wakers;
	std::atomic<bool> stop = false;
	const auto fill_pages = [&] {
		while (auto message = take(world.context.read()))
			if (const auto *fault = std::get_if<Fault>(&*message))
				world.context.zeropage({fault->address, page_size()},
						       ZeropageModes::DontWake);
	};

	for (unsigned i = 0; i < 2; i++)
		wakers.push_back(in_thread([&] {
			while (!stop)
				take(world.context.wake(world.memory.range()));
		}));
	for (std::size_t first = 0; first < threads; first++)
		readers.push_back(in_thread([&, first] {
			for (std::size_t i = first; i < pages; i += threads)
				if (world.memory.word(i))
					give_up("a page is not zero");
		}));
	wait_until("all pages are read", [&] {
		fill_pages();
		return std::ranges::all_of(readers, is_done<void>);
	});
	CHECK(fdinfo(world.context.fd()).total == 0);
	stop = true;
	for (auto &waker : wakers)
		waker.get();
}
