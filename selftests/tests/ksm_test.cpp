// SPDX-License-Identifier: GPL-2.0-only
/* KSM, which would merge equal pages into one, protected or not. */
#include "lib/ksm.hpp"
#include "lib/maps.hpp"
#include "lib/protection.hpp"
#include "lib/tracked.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <map>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 16;

void make_alike(const Memory &memory)
{
	for (std::size_t i = 0; i < memory.pages(); i++)
		write_pattern(memory.bytes(i, 1), 0);
}

int advise_merging(const Memory &memory)
{
	return ::madvise(memory.page(0), memory.range().length, MADV_MERGEABLE) ? errno : 0;
}

/* How many pages share a frame with another of this memory; /proc/kpageflags can't tell on 6.12. */
std::size_t count_merged(const Memory &memory)
{
	std::map<std::uint64_t, std::size_t> pages_of_frame;
	std::size_t merged = 0;

	for (std::size_t i = 0; i < memory.pages(); i++)
		pages_of_frame[frame_of(memory, i)]++;
	for (const auto &[frame, count] : pages_of_frame)
		merged += count > 1 ? count : 0;
	return merged;
}

/* How many pages of a world with protection are protected. */
std::size_t count_protected(const auto &world)
{
	std::size_t count = 0;

	for (std::size_t i = 0; i < pages; i++)
		count += world.is_protected(i);
	return count;
}

/* Memory that KSM may merge, and that no context watches. */
Memory bystander()
{
	Memory memory(pages);

	make_alike(memory);
	if (advise_merging(memory) == EINVAL)
		skip("the kernel has no KSM");
	return memory;
}

/*
 * Checks that KSM leaves equal pages alone while it merges equal pages of other memory: all stay
 * protected, and an access to each is reported. Natively KSM merges them, and merged pages are no
 * longer protected.
 */
void check_left_alone(const auto &world, const std::function<bool(std::size_t)> &is_told)
{
	const auto other = bystander();
	const Ksm ksm;

	world.protect();
	CHECK(advise_merging(world.memory) == 0);
	wait_until("the other pages are merged", [&] { return count_merged(other) == pages; });
	ksm.await();
	if (backend_under_test() == Backend::native) {
		CHECK(count_protected(world) < pages);
		return;
	}
	CHECK(count_protected(world) == pages);
	CHECK(count_merged(world.memory) == 0);
	for (std::size_t i = 0; i < pages; i++)
		CHECK(is_told(i));
}

} // namespace

TEST_CASE("equal pages stay protected beside KSM, except natively", "[wp][ksm]")
{
	const Guarded guarded(Memory(pages), make_alike);

	check_left_alone(guarded, [&](std::size_t i) { return guarded.write_is_told(i); });
}

TEST_CASE("equal pages stay read-write-protected beside KSM, except natively", "[rwp][ksm]")
{
	const Tracked tracked(Memory(pages), make_alike);

	check_left_alone(tracked, [&](std::size_t i) {
		return tracked.is_told(i, i % 2 ? Access::read : Access::write);
	});
}

TEST_CASE("merged pages are protected one by one", "[wp][ksm][module][security]")
{
	Memory memory(pages);
	const Ksm ksm;

	make_alike(memory);
	REQUIRE(advise_merging(memory) == 0);
	wait_until("the pages are merged", [&] { return count_merged(memory) == pages; });
	const Guarded guarded(std::move(memory), [](const Memory &) {});

	CHECK(count_merged(guarded.memory) == 0);
	CHECK_FALSE(smaps_flag(guarded.memory.range(), "mg"));
	guarded.protect();
	CHECK(count_protected(guarded) == pages);
	CHECK(guarded.write_is_told(3));
	/* Pages that were merged are read and written as before. */
	CHECK(has_pattern(guarded.memory.bytes(4, 1), 0));
}

TEST_CASE("memory that was taken out of KSM comes back only when it is advised anew",
	  "[wp][ksm][module][security]")
{
	const Memory memory(pages);
	const auto merges = [&] { return smaps_flag(memory.range(), "mg"); };

	if (advise_merging(memory) == EINVAL)
		skip("the kernel has no KSM");
	CHECK(merges());
	{
		const auto context = open_context(Features::PagefaultFlagWp);

		take(context.register_range(memory.range(), Modes::WriteProtect));
		CHECK_FALSE(merges());
	}
	CHECK_FALSE(merges());
	CHECK(advise_merging(memory) == 0);
	CHECK(merges());
}

TEST_CASE("memory that isn't protected can be merged", "[ksm]")
{
	const World world(pages);
	const Ksm ksm;

	for (std::size_t i = 0; i < pages; i++)
		fill(world.context, world.memory, i);
	make_alike(world.memory);
	REQUIRE(advise_merging(world.memory) == 0);
	CHECK(smaps_flag(world.memory.range(), "mg"));
	wait_until("the pages are merged", [&] { return count_merged(world.memory) == pages; });
}

TEST_CASE("KSM merges all memory of a process except what is registered for protection",
	  "[wp][ksm][security]")
{
	const Memory other(pages);
	const Guarded early(pages);
	const bool native = backend_under_test() == Backend::native;

	if (!merge_all_memory(true))
		skip("this kernel can't merge all memory of a process");
	CHECK(smaps_flag(other.range(), "mg"));
	CHECK(smaps_flag(early.memory.range(), "mg") == native);
	const Guarded late(pages);
	CHECK(smaps_flag(late.memory.range(), "mg") == native);
	CHECK(advise_merging(late.memory) == 0);
	CHECK(smaps_flag(late.memory.range(), "mg") == native);
	/* After unregistering, it is memory like any other. */
	take(late.context.unregister_range(late.memory.range()));
	CHECK(advise_merging(late.memory) == 0);
	CHECK(smaps_flag(late.memory.range(), "mg"));
	CHECK(merge_all_memory(false));
}
