// SPDX-License-Identifier: GPL-2.0-only
/* KSM, which would make one page of several that are alike, protected or not. */
#include "maps.hpp"
#include "protection.hpp"
#include "tracked.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>
#include <map>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 16;

/* Has KSM work as fast as it can, as long as this lives. Skips the test where there is none. */
class Ksm {
public:
	Ksm()
	{
		for (const auto &[name, value] : fast)
			before_.emplace(name, read(name));
		for (const auto &[name, value] : fast)
			write(name, value);
	}
	~Ksm()
	{
		for (const auto &[name, value] : before_)
			write(name, value);
	}
	Ksm(const Ksm &) = delete;
	Ksm &operator=(const Ksm &) = delete;

	/*
	 * Waits until it has looked at all there is more than twice: it merges what it has seen to
	 * stay as it is.
	 */
	void await() const
	{
		const auto before = std::stoul(read("full_scans"));

		wait_until("KSM has looked at everything",
			   [&] { return std::stoul(read("full_scans")) > before + 2; });
	}

private:
	static std::string read(const std::string &name)
	{
		std::ifstream file("/sys/kernel/mm/ksm/" + name);
		std::string value;

		if (!(file >> value))
			skip("the kernel has no KSM");
		return value;
	}

	static void write(const std::string &name, const std::string &value)
	{
		std::ofstream("/sys/kernel/mm/ksm/" + name) << value << std::flush;
	}

	static inline const std::map<std::string, std::string> fast = {
		{"sleep_millisecs", "1"}, {"pages_to_scan", "10000"}, {"run", "1"}};
	std::map<std::string, std::string> before_;
};

void make_alike(const Memory &memory)
{
	for (std::size_t i = 0; i < memory.pages(); i++)
		write_pattern(memory.bytes(i, 1), 0);
}

int advise_merging(const Memory &memory)
{
	return ::madvise(memory.page(0), memory.range().length, MADV_MERGEABLE) ? errno : 0;
}

/* How many pages are one with another of the same memory; /proc/kpageflags can't tell on 6.12. */
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

/* Of a world with protection. */
std::size_t count_protected(const auto &world)
{
	std::size_t count = 0;

	for (std::size_t i = 0; i < pages; i++)
		count += world.is_protected(i);
	return count;
}

/* Memory that KSM may merge, and that nobody watches. */
Memory bystander()
{
	Memory memory(pages);

	make_alike(memory);
	if (advise_merging(memory) == EINVAL)
		skip("the kernel has no KSM");
	return memory;
}

} // namespace

TEST_CASE("pages that are alike stay protected", "[wp][ksm]")
{
	const auto other = bystander();
	const Guarded guarded(Memory(pages), make_alike);
	const Ksm ksm;

	guarded.protect();
	CHECK(advise_merging(guarded.memory) == 0);
	wait_until("others are merged", [&] { return count_merged(other) == pages; });
	ksm.await();
	if (backend_under_test() == Backend::native) {
		/* What was merged lost its protection, and the writes that come are missed. */
		CHECK(count_protected(guarded) < pages);
		return;
	}
	CHECK(count_protected(guarded) == pages);
	CHECK(count_merged(guarded.memory) == 0);
	for (std::size_t i = 0; i < pages; i++)
		CHECK(guarded.write_is_told(i));
}

TEST_CASE("pages that are alike stay read-write-protected", "[rwp][ksm]")
{
	const auto other = bystander();
	const Tracked tracked(Memory(pages), make_alike);
	const Ksm ksm;

	tracked.protect();
	CHECK(advise_merging(tracked.memory) == 0);
	wait_until("others are merged", [&] { return count_merged(other) == pages; });
	ksm.await();
	if (backend_under_test() == Backend::native) {
		/* What was merged can be read and written, and nobody is told. */
		CHECK(count_protected(tracked) < pages);
		return;
	}
	CHECK(count_protected(tracked) == pages);
	CHECK(count_merged(tracked.memory) == 0);
	for (std::size_t i = 0; i < pages; i++)
		CHECK(tracked.is_told(i, i % 2 ? Access::read : Access::write));
}

TEST_CASE("pages that were merged are protected each for itself", "[wp][ksm][module]")
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
	/* What was a page of several is read and written as before. */
	CHECK(has_pattern(guarded.memory.bytes(4, 1), 0));
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

TEST_CASE("all of a process is merged but what is registered for protection", "[wp][ksm]")
{
	const Memory other(pages);
	const Guarded early(pages);
	const bool native = backend_under_test() == Backend::native;

	if (::prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0))
		skip("this kernel merges nothing for a process as a whole");
	CHECK(smaps_flag(other.range(), "mg"));
	CHECK(smaps_flag(early.memory.range(), "mg") == native);
	const Guarded late(pages);
	CHECK(smaps_flag(late.memory.range(), "mg") == native);
	CHECK(advise_merging(late.memory) == 0);
	CHECK(smaps_flag(late.memory.range(), "mg") == native);
	/* Unregistered it is memory like other. */
	take(late.context.unregister_range(late.memory.range()));
	CHECK(advise_merging(late.memory) == 0);
	CHECK(smaps_flag(late.memory.range(), "mg"));
	checked(::prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0));
}
