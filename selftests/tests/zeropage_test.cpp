// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_ZEROPAGE. */
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

TEST_CASE("zeroed pages are zero and take no memory until they are written", "[zeropage]")
{
	const World world(4);

	const auto progress = world.context.zeropage(world.memory.range());
	CHECK(progress.done == 4 * page_size());
	CHECK_FALSE(progress.error);
	CHECK(is_zero(world.memory.bytes(0, 4)));
	CHECK(smaps_bytes(world.memory.range(), "Rss") == 0);

	world.memory.word(2) = 9;
	CHECK(world.memory.word(2) == 9);
	CHECK(smaps_bytes(world.memory.range(), "Rss") == page_size());
	CHECK(is_zero(world.memory.bytes(3, 1)));
	CHECK(fdinfo(world.context.fd()).total == 0);
}

MEMORY_TEST_CASE("any number of pages can be zeroed over any border", "[zeropage]")
{
	for (const std::size_t count : {1uz, 2uz, 511uz, 512uz, 513uz, 1030uz}) {
		const auto memory = Memory::aligned(4 * 512, 2 << 20, TestType::kind);
		const auto context = open_context();
		const std::size_t first = 510;

		take(context.register_range(memory.range(), Modes::Missing));
		const auto progress = context.zeropage(memory.range(first, count));
		INFO(count << " pages");
		CHECK(progress.done == count * page_size());
		CHECK_FALSE(progress.error);
		CHECK(is_zero(memory.bytes(first, count)));
		CHECK(is_there(memory, first));
		CHECK(is_there(memory, first + count - 1));
		CHECK_FALSE(is_there(memory, first - 1));
		CHECK_FALSE(is_there(memory, first + count));
	}
}

TEST_CASE("zeroings of up to 64 MiB in one call", "[zeropage]")
{
	const std::size_t most = (64 << 20) / page_size();
	const Memory zeroes(1);

	for (const std::size_t count : {2048uz, 4095uz, most}) {
		const World world(count + 1);
		const auto progress = world.context.zeropage(world.memory.range(0, count));
		INFO(count << " pages");
		CHECK(progress.done == count * page_size());
		CHECK_FALSE(progress.error);
		for (std::size_t i = 0; i < count; i++)
			if (std::memcmp(world.memory.page(i), zeroes.page(0), page_size()))
				give_up("page " + std::to_string(i) + " is not zero");
		CHECK_FALSE(is_there(world.memory, count));
		CHECK(smaps_bytes(world.memory.range(), "Rss") == 0);
		CHECK(fdinfo(world.context.fd()).total == 0);
	}
}

MEMORY_TEST_CASE("zeroing does not touch a page that is there", "[zeropage]")
{
	const World world(4, TestType::kind);

	world.fill(2);
	const auto progress = world.context.zeropage(world.memory.range());
	CHECK(progress.done == 2 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	const auto again = world.context.zeropage(world.memory.range(2, 2));
	CHECK(again.done == 0);
	CHECK(again.error.value() == EEXIST);
	CHECK(has_pattern(world.memory.bytes(2, 1), 2));
	CHECK_FALSE(is_there(world.memory, 3));
}

MEMORY_TEST_CASE("zeroing a zeroed page is EEXIST", "[zeropage]")
{
	const World world(1, TestType::kind);

	REQUIRE(world.context.zeropage(world.memory.range()));
	CHECK(world.context.zeropage(world.memory.range()).error.value() == EEXIST);
}

MEMORY_TEST_CASE("zeroing unregistered memory is ENOENT", "[zeropage]")
{
	const Memory memory(3, TestType::kind);
	const auto context = open_context();

	take(context.register_range(memory.range(1, 1), Modes::Missing));
	CHECK(context.zeropage(memory.range(0, 1)).error.value() == ENOENT);
	CHECK(context.zeropage(memory.range(0, 2)).error.value() == ENOENT);
	CHECK(context.zeropage(memory.range(1, 2)).error.value() == ENOENT);
	for (std::size_t i = 0; i < 3; i++)
		CHECK_FALSE(is_there(memory, i));
}

TEST_CASE("wrong arguments of a zeroing are refused and nothing is filled", "[zeropage]")
{
	const World world(2);
	const auto to = world.memory.address(0);
	const auto page = page_size();
	const uffdio_zeropage wrong[] = {
		{.range = {to, 0}, .mode = 0, .zeropage = 1},
		{.range = {to, page - 1}, .mode = 0, .zeropage = 1},
		{.range = {to + 8, page}, .mode = 0, .zeropage = 1},
		{.range = {to, -to}, .mode = 0, .zeropage = 1},
		{.range = {-page, page}, .mode = 0, .zeropage = 1},
		{.range = {to, -page}, .mode = 0, .zeropage = 1},
		{.range = {to, page}, .mode = 2, .zeropage = 1},
		{.range = {to, page}, .mode = 1ull << 63, .zeropage = 1},
	};

	for (auto fields : wrong) {
		const auto result = world.context.ioctl(UFFDIO_ZEROPAGE, &fields);

		INFO(std::hex << fields.range.start << ' ' << fields.range.len << ' '
			      << fields.mode);
		CHECK(result.error().value() == EINVAL);
		CHECK(fields.zeropage == 1);
		CHECK_FALSE(is_there(world.memory, 0));
	}
}

MEMORY_TEST_CASE("zeroing wakes the waiters of its pages and no others", "[zeropage]")
{
	const World world(2, TestType::kind);
	auto first = in_thread([&] { return world.memory.word(0); });
	auto second = in_thread([&] { return world.memory.word(1); });

	wait_for_waiters(world.context, 2);
	REQUIRE(world.context.zeropage(world.memory.range(0, 1)));
	CHECK(first.get() == 0);
	CHECK(fdinfo(world.context.fd()).total == 1);
	world.fill(1);
	CHECK(second.get() == pattern_word(1));
}

MEMORY_TEST_CASE("zeroing with DONTWAKE leaves its waiters to UFFDIO_WAKE", "[zeropage]")
{
	const World world(1, TestType::kind);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_sleepers(world.context, 1);
	REQUIRE(world.context.zeropage(world.memory.range(), ZeropageModes::DontWake));
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	take(world.context.wake(world.memory.range()));
	CHECK(reader.get() == 0);
}

MEMORY_TEST_CASE("a thread that waits to write gets a page of its own after zeroing", "[zeropage]")
{
	const World world(2, TestType::kind);
	auto writer = in_thread([&] { world.memory.word(0) = 3; });

	wait_for_waiters(world.context, 1);
	REQUIRE(world.context.zeropage(world.memory.range()));
	writer.get();
	CHECK(world.memory.word(0) == 3);
	CHECK(world.memory.word(1) == 0);
}
