// SPDX-License-Identifier: GPL-2.0-only
/* Core dumps of processes whose memory is watched: they wait for no page. */
#include "lib/consumer.hpp"
#include "lib/core_file.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr int dumped = Process::killed + SIGQUIT;

bool has_page(const CoreFile &core, std::uint64_t seed)
{
	return core.contains(patterned(1, seed).bytes(0, 1));
}

} // namespace

TEST_CASE("a core dump has the pages that are there and waits for no other",
	  "[core_dump][security]")
{
	const CoreFile core;
	Consumer victim(3, [](const Memory &memory) {
		if (memory.word(1) == pattern_word(1))
			dump_core();
		return 0;
	});

	CHECK(next_fault(victim.context).address == victim.memory.address(1));
	victim.fill(1);
	CHECK(victim.process.wait() == dumped);
	CHECK_FALSE(take(victim.context.read()));
	CHECK(has_page(core, 1));
	CHECK_FALSE(has_page(core, 0));
}

TEST_CASE("a core dump of a process with waiting threads ends them", "[core_dump]")
{
	const CoreFile core;
	Consumer victim(6, [](const Memory &memory) {
		std::vector<std::future<std::uint64_t>> readers;
		for (std::size_t i = 0; i < 4; i++)
			readers.push_back(in_thread([&memory, i] { return memory.word(i) + 0; }));
		if (memory.word(5) == pattern_word(5))
			dump_core();
		return 0;
	});

	wait_for_pending(victim.context, 5);
	for (int i = 0; i < 3; i++) /* some faults are read, the others are not */
		next_fault(victim.context);
	victim.fill(5);
	CHECK(victim.process.wait() == dumped);
	CHECK(fdinfo(victim.context.fd()).total == 0);
	CHECK_FALSE(take(victim.context.read()));
	CHECK(has_page(core, 5));
}

TEST_CASE("a core dump of a process with poisoned pages has the others", "[core_dump]")
{
	need(Features::Poison);
	const CoreFile core;
	Consumer victim(3, options_for(Features::Poison), [](const Memory &memory) {
		if (memory.word(0) == pattern_word(0))
			dump_core();
		return 0;
	});

	CHECK(victim.context.poison(victim.memory.range(1, 1)));
	victim.fill(2);
	victim.fill(0);
	CHECK(victim.process.wait() == dumped);
	CHECK_FALSE(take(victim.context.read()));
	CHECK(has_page(core, 0));
	CHECK(has_page(core, 2));
}

TEST_CASE("a core dump has protected pages and waits for nobody to unprotect them", "[core_dump]")
{
	const CoreFile core;
	Process process([]() -> int {
		const Guarded guarded(3);
		guarded.protect();
		dump_core();
	});

	CHECK(process.wait() == dumped);
	for (std::uint64_t i = 0; i < 3; i++)
		CHECK(has_page(core, i));
}
