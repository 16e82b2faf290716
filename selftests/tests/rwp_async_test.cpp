// SPDX-License-Identifier: GPL-2.0-only
/* Read-write protection that resolves itself, and UFFDIO_SET_MODE, which turns that on and off. */
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"
#include "lib/scan.hpp"
#include "lib/tracked.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <linux/userfault.h>
#include <sys/ioctl.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

int error_of(const Result<void> &result)
{
	return result ? 0 : result.error().value();
}

} // namespace

MEMORY_TEST_CASE("with RWP_ASYNC an access to a protected page resolves itself and can be seen",
		 "[rwp][rwp-async]")
{
	const Tracked tracked(Memory(8, TestType::kind), fill_with_patterns, Features::RwpAsync);

	tracked.protect();
	CHECK(tracked.only_protected(0, 8));
	CHECK(accessed_ranges(tracked.memory.range()).empty());
	CHECK(tracked.memory.word(2) == pattern_word(2));
	tracked.memory.word(3) = 5;
	CHECK(tracked.memory.word(6) == pattern_word(6));

	const auto found = accessed_ranges(tracked.memory.range());
	REQUIRE(found.size() == 2);
	CHECK(found[0].start == tracked.memory.address(2));
	CHECK(found[0].end == tracked.memory.address(4));
	CHECK(found[1].start == tracked.memory.address(6));
	CHECK(found[1].end == tracked.memory.address(7));
	CHECK(tracked.nothing_is_told());
	CHECK(tracked.memory.word(3) == 5);
	tracked.protect();
	CHECK(accessed_ranges(tracked.memory.range()).empty());
	CHECK(has_pattern(tracked.memory.bytes(2, 1), 2));
}

TEST_CASE("with RWP_ASYNC an absent page counts as not accessed, and a new page as accessed",
	  "[rwp][rwp-async]")
{
	const Tracked tracked(Memory(4), [](const Memory &) {}, Features::RwpAsync);

	tracked.protect();
	CHECK(accessed_ranges(tracked.memory.range()).empty());
	tracked.memory.word(1) = 1;
	const auto found = accessed_ranges(tracked.memory.range());
	REQUIRE(found.size() == 1);
	CHECK(found[0].start == tracked.memory.address(1));
	CHECK(found[0].end == tracked.memory.address(2));
}

TEST_CASE("RWP_ASYNC is offered with RWP and refused without it", "[rwp][api]")
{
	need(Features::Rwp);
	const auto alone = take(Context::create(options_for()));

	CHECK(has(take(Context::probe(options_for())).offered, Features::RwpAsync));
	CHECK(alone.handshake(Features::RwpAsync).error().value() == EINVAL);
	CHECK(alone.handshake(Features::Rwp | Features::RwpAsync));
}

TEST_CASE("turning RWP_ASYNC on lets all threads go on that wait for access", "[rwp][set-mode]")
{
	const Tracked tracked(Memory(3), [](const Memory &memory) {
		write_pattern(memory.bytes(0, 1), 0);
		write_pattern(memory.bytes(1, 1), 1);
	});
	std::array<std::future<std::uint64_t>, 4> touched;

	tracked.protect();
	for (std::size_t i = 0; i < touched.size(); i++)
		touched[i] = tracked.touch(i % 2, i < 2 ? Access::read : Access::write);
	next_fault(tracked.context); /* this fault is read, the others are not */
	wait_for_sleepers(tracked.context, touched.size());
	take(tracked.context.set_mode(Features::RwpAsync));
	for (auto &touch : touched)
		touch.get();
	CHECK(tracked.only_protected(0, 0));
	CHECK(tracked.nothing_is_told());
	tracked.protect();
	CHECK_FALSE(tracked.is_told(0, Access::write));
}

TEST_CASE("after RWP_ASYNC is turned off, accesses are reported again", "[rwp][set-mode]")
{
	const Tracked tracked(2, Features::RwpAsync);

	tracked.protect();
	CHECK_FALSE(tracked.is_told(0, Access::read));
	take(tracked.context.set_mode(Features::None, Features::RwpAsync));
	CHECK_FALSE(tracked.is_told(0, Access::read));
	CHECK(tracked.is_told(1, Access::write));
	take(tracked.context.set_mode(Features::RwpAsync));
	tracked.protect();
	CHECK_FALSE(tracked.is_told(1, Access::write));
}

TEST_CASE("turning RWP_ASYNC on reports faults on missing pages again", "[rwp][set-mode]")
{
	const Tracked tracked(Memory(1), [](const Memory &) {}, Features::None, Modes::Missing);
	auto reader = tracked.touch(0, Access::read);

	CHECK(next_fault(tracked.context).flags == FaultFlags::None);
	wait_for_sleepers(tracked.context, 1);
	take(tracked.context.set_mode(Features::RwpAsync));
	CHECK(next_fault(tracked.context).flags == FaultFlags::None);
	fill(tracked.context, tracked.memory, 0);
	CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("UFFDIO_SET_MODE changes only features that can be turned on and off", "[rwp][set-mode]")
{
	const Tracked tracked(1);
	auto &context = tracked.context;

	for (unsigned bit = 0; bit < 64; bit++) {
		const Features feature{1ull << bit};
		const int expected = feature == Features::RwpAsync ? 0 : EINVAL;

		INFO("feature bit " << bit);
		CHECK(error_of(context.set_mode(feature)) == expected);
		CHECK(error_of(context.set_mode(Features::None, feature)) == expected);
	}
	CHECK(error_of(context.set_mode(Features::RwpAsync, Features::RwpAsync)) == EINVAL);
	CHECK(error_of(context.set_mode(Features::RwpAsync, Features::ThreadId)) == EINVAL);
	CHECK(error_of(context.set_mode(Features::None)) == 0);
	CHECK(context.ioctl(UFFDIO_SET_MODE, nullptr).error().value() == EFAULT);
	tracked.protect();
	CHECK(tracked.is_told(0, Access::read));
	/* Turning off what can't be on is no error. */
	const auto without = open_context();
	CHECK(error_of(without.set_mode(Features::None, Features::RwpAsync)) == 0);
	CHECK(error_of(without.set_mode(Features::RwpAsync)) == EINVAL);
}

TEST_CASE("fdinfo shows the features in force", "[rwp][set-mode]")
{
	const Tracked tracked(1);
	const auto before = fdinfo(tracked.context.fd()).api;

	take(tracked.context.set_mode(Features::RwpAsync));
	CHECK(fdinfo(tracked.context.fd()).api != before);
	take(tracked.context.set_mode(Features::None, Features::RwpAsync));
	CHECK(fdinfo(tracked.context.fd()).api == before);
}

/*
 * Threads access pages that are protected again and again, in turns with a monitor and without one.
 * A thread that is not woken sleeps for ever.
 */
TEST_CASE("no thread is left waiting when RWP_ASYNC is turned on and off", "[rwp][set-mode][smp]")
{
	constexpr std::size_t pages = 16, threads = 3;
	const Tracked tracked(pages);
	std::atomic<bool> over = false;
	std::vector<std::future<void>> accessing;

	for (std::size_t thread = 0; thread < threads; thread++)
		accessing.push_back(in_thread([&] {
			while (!over)
				for (std::size_t i = 0; i < pages; i++)
					tracked.memory.word(i) = i;
		}));
	for (unsigned round = 0; round < repeated(200); round++) {
		tracked.protect();
		if (round % 2)
			wait_until("a thread waits",
				   [&] { return fdinfo(tracked.context.fd()).total > 0; });
		take(tracked.context.set_mode(Features::RwpAsync));
		/* After this, no thread waits, whether its fault was read or not. */
		wait_for_waiters(tracked.context, 0);
		take(tracked.context.set_mode(Features::None, Features::RwpAsync));
	}
	take(tracked.context.set_mode(Features::RwpAsync));
	over = true;
	for (auto &done : accessing)
		done.get();
	CHECK(tracked.nothing_is_told());
}

TEST_CASE("a monitor serves every access while pages are protected again and again", "[rwp]")
{
	constexpr std::size_t pages = 8, threads = 3;
	const Tracked tracked(pages);
	std::atomic<bool> over = false;
	std::vector<std::future<void>> accessing;
	const Monitor monitor(tracked.context, [&](const Fault &fault) {
		tracked.unprotect(tracked.memory.index_of(fault.address), 1);
	});

	for (std::size_t thread = 0; thread < threads; thread++)
		accessing.push_back(in_thread([&] {
			while (!over)
				for (std::size_t i = 0; i < pages; i++)
					tracked.memory.word(i) = i;
		}));
	for (unsigned round = 0; round < repeated(100); round++) {
		const auto before = monitor.told();
		tracked.protect();
		wait_until("the monitor has read a fault", [&] { return monitor.told() > before; });
	}
	over = true;
	for (auto &done : accessing)
		done.get();
	CHECK(tracked.nothing_is_told());
}
