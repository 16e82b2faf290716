// SPDX-License-Identifier: GPL-2.0-only
/* Thousands of regions in one process, up to the kernel's limit of mappings (vm.max_map_count). */
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 4000;
constexpr std::size_t distance = 571; /* of the pages that a test looks at: a few here and there */

/* Registers every other page, from page 1 on, so that each is a mapping of its own. */
void register_odd_pages(const Context &context, const Memory &memory, Modes modes = Modes::Missing)
{
	for (std::size_t i = 1; i < memory.pages(); i += 2)
		take(context.register_range(memory.range(i, 1), modes));
}

/* Waits for the fault of a page that a thread reads, and fills it. */
void check_watched(const Context &context, const Memory &memory, std::size_t index)
{
	auto reader = in_thread([&] { return memory.word(index) + 0; });

	CHECK(next_fault(context).address == memory.address(index));
	fill(context, memory, index);
	CHECK(reader.get() == pattern_word(index));
}

} // namespace

TEST_CASE("regions are registered up to the limit of mappings, and all of them are watched",
	  "[many_regions]")
{
	const std::size_t more = 2000;
	const Memory memory(pages);
	auto context = open_context();
	std::size_t end = 1;	/* the first odd page that is not registered */
	std::size_t filled = 2; /* at the end, and the rest in the loop */

	{
		const NoMoreMappings limit(more);
		auto registered = context.register_range(memory.range(end, 1), Modes::Missing);

		for (; registered; end += 2)
			registered =
				context.register_range(memory.range(end + 2, 1), Modes::Missing);
		CHECK(registered.error().value() == ENOMEM);
		/* Two mappings a page; the process may have made some others meanwhile. */
		CHECK(end > more / 2);
		CHECK(end <= more + 1);
		CHECK(context.zeropage(memory.range(end, 1)).error.value() == ENOENT);
		CHECK(context.zeropage(memory.range(end - 4, 1)));
		CHECK(context.unregister_range(memory.range(3, 1)));
	}
	CHECK(memory.word(3) == 0);
	CHECK(memory.word(end) == 0);
	check_watched(context, memory, end - 2);
	for (std::size_t i = 5; i < end - 4; i += 2 * distance, filled++)
		check_watched(context, memory, i);
	CHECK_FALSE(is_readable(context));
	static_cast<void>(Fd(context.release()));
	/* Mappings with pages don't become one with those on both sides, on some kernels with none.
	 */
	CHECK(count_mappings(memory.range()) <= 2 * filled + 1);
}

TEST_CASE("a part of a region can't be unregistered at the limit of mappings, but all of it can",
	  "[many_regions]")
{
	const Memory memory(5);
	const auto context = open_context();

	take(context.register_range(memory.range(1, 3), Modes::Missing));
	{
		const NoMoreMappings limit;
		const auto failed = context.unregister_range(memory.range(2, 1));

		REQUIRE_FALSE(failed);
		CHECK(failed.error().value() == ENOMEM);
		CHECK(context.zeropage(memory.range(2, 1)));
		CHECK(context.unregister_range(memory.range(1, 3)));
	}
	CHECK(memory.word(1) == 0);
	CHECK_FALSE(smaps_flag(memory.range(1, 1), "um"));
}

TEST_CASE("thousands of regions go with one event of a fork, and one of an unmapping",
	  "[many_regions][event][fork_event]")
{
	Memory memory(pages);
	const auto context = open_context(Features::EventFork | Features::EventUnmap);

	register_odd_pages(context, memory);
	auto parent = in_thread([&] {
		return in_child([&] {
			for (std::size_t i = 1; i < pages; i += 2 * distance)
				if (memory.word(i) != pattern_word(i))
					return 1;
			return memory.word(2) == 0 ? 0 : 2;
		});
	});
	const auto child = Context::adopt(next_of<Fork>(context).context);
	for (std::size_t i = 1; i < pages; i += 2 * distance) {
		CHECK(next_fault(child).address == memory.address(i));
		fill(child, memory, i);
	}
	CHECK(parent.get() == 0);
	check_watched(context, memory, pages - 1);
	WaitingCall unmapping(context, SYS_munmap, [&] {
		memory.unmap(0, pages);
		return 0;
	});
	CHECK(next_of<Unmap>(context).range == memory.range());
	CHECK(unmapping.result() == 0);
	CHECK_FALSE(is_readable(context));
}

TEST_CASE("one call protects, and another one unprotects, thousands of mappings",
	  "[many_regions][wp]")
{
	const Guarded guarded(pages);
	const auto &memory = guarded.memory;

	for (std::size_t i = 1; i < pages; i += 2)
		checked(::mprotect(memory.page(i), page_size(), PROT_READ));
	if (native_before(6, 4)) {
		const auto refused = guarded.context.write_protect(memory.range());
		CHECK((!refused && refused.error().value() == ENOENT));
		return;
	}
	guarded.protect();
	CHECK(guarded.only_protected(0, pages));
	guarded.unprotect(1, pages - 2);
	CHECK(guarded.is_protected(0));
	CHECK(guarded.is_protected(pages - 1));
	CHECK_FALSE(guarded.is_protected(1));
	CHECK_FALSE(guarded.is_protected(pages / 2));
	CHECK(guarded.write_is_told(0));
	take(guarded.context.unregister_range(memory.range()));
	CHECK(guarded.only_protected(0, 0));
	CHECK(memory.word(pages - 1) == pattern_word(pages - 1));
}

TEST_CASE("threads wait in many regions at once, and closing the context lets all of them go on",
	  "[many_regions][lifetime][smp]")
{
	const std::size_t threads = 32;
	const Memory memory(pages);
	auto context = open_context();
	std::vector<std::future<std::uint64_t>> readers;

	register_odd_pages(context, memory);
	for (std::size_t t = 0; t < threads; t++)
		readers.push_back(in_thread([&, index = 1 + t * (pages / threads / 2 * 2)] {
			return memory.word(index) + 0;
		}));
	wait_for_sleepers(context, threads);
	static_cast<void>(Fd(context.release()));
	for (auto &reader : readers)
		CHECK(reader.get() == 0);
	CHECK(count_mappings(memory.range()) == 1);
}
