// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_POISON. */
#include "lib/maps.hpp"
#include "lib/process.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

/* What a SIGBUS reported; code 0 if there was none. */
struct Bus {
	int code = 0;
	void *address = nullptr;
	int granularity = 0; /* log2 of the bytes that are bad */
};

thread_local sigjmp_buf back;
thread_local volatile int caught_code, caught_granularity;
thread_local void *volatile caught_address;

/* Touches memory, and returns the SIGBUS that it got. */
Bus touch(const std::function<void()> &access)
{
	struct sigaction action = {};

	action.sa_flags = SA_SIGINFO;
	action.sa_sigaction = [](int, siginfo_t *info, void *) {
		caught_code = info->si_code;
		caught_address = info->si_addr;
		caught_granularity = info->si_addr_lsb;
		siglongjmp(back, 1);
	};
	checked(::sigaction(SIGBUS, &action, nullptr));
	if (sigsetjmp(back, 1) != 0)
		return {caught_code, caught_address, caught_granularity};
	access();
	return {};
}

Bus read(const Memory &memory, std::size_t index)
{
	std::uint64_t word;

	return touch([&] { word = memory.word(index); });
}

struct Poisoned {
	explicit Poisoned(std::size_t pages) : need_it((need(Features::Poison), true)), world(pages)
	{
	}

	Progress poison(std::size_t first, std::size_t count,
			PoisonModes modes = PoisonModes::None) const
	{
		return world.context.poison(world.memory.range(first, count), modes);
	}

	bool need_it;
	World world;
};

} // namespace

TEST_CASE("a thread that touches a poisoned page gets the SIGBUS of bad memory", "[poison]")
{
	const Poisoned poisoned(4);
	const auto &memory = poisoned.world.memory;

	const auto progress = poisoned.poison(1, 2);
	CHECK(progress.done == 2 * page_size());
	CHECK_FALSE(progress.error);
	for (const std::size_t i : {1uz, 2uz}) {
		const auto reading = read(memory, i);
		CHECK(reading.code == BUS_MCEERR_AR);
		CHECK(reading.address == memory.page(i));
		CHECK(reading.granularity == 12);
		const auto write = touch([&] { memory.word(i) = 1; });
		CHECK(write.code == BUS_MCEERR_AR);
	}
	CHECK(fdinfo(poisoned.world.context.fd()).total == 0);
	poisoned.world.fill(0);
	CHECK(memory.word(0) == pattern_word(0));
}

TEST_CASE("any number of pages can be poisoned over any border", "[poison]")
{
	need(Features::Poison);
	for (const std::size_t count : {1uz, 2uz, 511uz, 512uz, 513uz, 1030uz}) {
		const auto memory = Memory::aligned(4 * 512, 2 << 20);
		const auto context = open_context(Features::Sigbus);

		INFO(count << " pages");
		take(context.register_range(memory.range(), Modes::Missing));
		CHECK(context.poison(memory.range(510, count)).done == count * page_size());
		const auto code = [&](std::size_t i) { return read(memory, i).code; };
		CHECK(code(509) == BUS_ADRERR);
		CHECK(code(510) == BUS_MCEERR_AR);
		CHECK(code(509 + count) == BUS_MCEERR_AR);
		CHECK(code(510 + count) == BUS_ADRERR);
	}
}

TEST_CASE("the kernel gets EFAULT from a poisoned page", "[poison]")
{
	const Poisoned poisoned(2);
	std::vector<std::byte> buffer(page_size());
	iovec local{buffer.data(), buffer.size()};
	iovec remote{poisoned.world.memory.page(0), page_size()};
	std::array<int, 2> ends;

	REQUIRE(poisoned.poison(0, 1));
	checked(::pipe(ends.data()));
	CHECK(::write(ends[1], poisoned.world.memory.page(0), 1) == -1);
	CHECK(errno == EFAULT);
	CHECK(::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) == -1);
	CHECK(errno == EFAULT);
	::close(ends[0]);
	::close(ends[1]);
}

TEST_CASE("poisoning wakes the waiters of its pages, unless DONTWAKE is set", "[poison]")
{
	const Poisoned poisoned(1);
	const auto &world = poisoned.world;
	auto reader = in_thread([&] { return read(world.memory, 0).code; });

	wait_for_sleepers(world.context, 1);
	REQUIRE(poisoned.poison(0, 1, PoisonModes::DontWake));
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	take(world.context.wake(world.memory.range()));
	CHECK(reader.get() == BUS_MCEERR_AR);
}

TEST_CASE("poisoning does not touch a page that is there, nor poison", "[poison]")
{
	const Poisoned poisoned(8);
	const auto &world = poisoned.world;

	world.fill(3);
	const auto progress = poisoned.poison(0, 8);
	CHECK(progress.done == 3 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(poisoned.poison(3, 1).error.value() == EEXIST);
	CHECK(poisoned.poison(0, 1).error.value() == EEXIST);
	CHECK(world.context.zeropage(world.memory.range(0, 1)).error.value() == EEXIST);
	CHECK(has_pattern(world.memory.bytes(3, 1), 3));
	CHECK(read(world.memory, 0).code == BUS_MCEERR_AR);
}

TEST_CASE("a copy heals a poisoned page", "[poison]")
{
	const Poisoned poisoned(4);
	const auto &world = poisoned.world;

	REQUIRE(poisoned.poison(0, 4));
	CHECK(read(world.memory, 3).code == BUS_MCEERR_AR);
	world.fill(0);
	world.fill(2);
	CHECK(has_pattern(world.memory.bytes(0, 1), 0));
	CHECK(read(world.memory, 1).code == BUS_MCEERR_AR);
	CHECK(has_pattern(world.memory.bytes(2, 1), 2));
	CHECK(read(world.memory, 3).code == BUS_MCEERR_AR);
}

TEST_CASE("a copy also heals poison that was protected or has moved", "[poison]")
{
	need(Features::Poison);
	const Memory memory(2), place(2);
	const auto context =
		open_context(Features::EventRemap | Features::PagefaultFlagWp | Features::Sigbus);

	take(context.register_range(memory.range(), Modes::Missing | Modes::WriteProtect));
	REQUIRE(context.poison(memory.range()));
	take(context.write_protect(memory.range(0, 1)));
	CHECK(read(memory, 0).code == BUS_MCEERR_AR);
	fill(context, memory, 0);
	CHECK(has_pattern(memory.bytes(0, 1), 0));

	WaitingCall moving(context, SYS_mremap,
			   [&] { return memory.remap(0, 2, 2, 0, place.page(0)); });
	REQUIRE(take(context.read()));
	REQUIRE(moving.result() == 0);
	CHECK(read(place, 1).code == BUS_MCEERR_AR);
	fill(context, place, 1);
	CHECK(has_pattern(place.bytes(1, 1), 1));
	CHECK(has_pattern(place.bytes(0, 1), 0));
}

TEST_CASE("poison that is discarded is gone", "[poison]")
{
	const Poisoned poisoned(2);
	const auto &world = poisoned.world;

	REQUIRE(poisoned.poison(0, 2));
	checked(::madvise(world.memory.page(0), page_size(), MADV_DONTNEED));
	world.fill(0);
	CHECK(world.memory.word(0) == pattern_word(0));
	CHECK(read(world.memory, 1).code == BUS_MCEERR_AR);
}

TEST_CASE("poison stays when its page is taken out of the file, and goes with its mapping's page",
	  "[poison]")
{
	need(Features::Poison);
	const World world(2, MemoryKind::shared_file);

	world.fill(1);
	REQUIRE(world.context.poison(world.memory.range(0, 1)));
	checked(::madvise(world.memory.page(0), 2 * page_size(), MADV_REMOVE));
	CHECK(read(world.memory, 0).code == BUS_MCEERR_AR);
	checked(::madvise(world.memory.page(0), page_size(), MADV_DONTNEED));
	for (std::size_t i = 0; i < 2; i++) {
		world.fill(i);
		CHECK(world.memory.word(i) == pattern_word(i));
	}
}

TEST_CASE("poison stays after its range is unregistered, and moves with mremap", "[poison]")
{
	Poisoned poisoned(2);
	const auto &memory = poisoned.world.memory;

	REQUIRE(poisoned.poison(1, 1));
	take(poisoned.world.context.unregister_range(memory.range()));
	CHECK(memory.word(0) == 0);
	CHECK(read(memory, 1).code == BUS_MCEERR_AR);

	const Memory place(1);
	checked(memory.remap(1, 1, 1, MREMAP_DONTUNMAP, place.page(0)));
	CHECK(read(place, 0).code == BUS_MCEERR_AR);
}

TEST_CASE("a child inherits poison", "[poison]")
{
	const Poisoned poisoned(1);

	REQUIRE(poisoned.poison(0, 1));
	Process child([&] { return read(poisoned.world.memory, 0).code; });
	CHECK(child.wait() == BUS_MCEERR_AR);
}

TEST_CASE("a poisoned page takes no memory", "[poison]")
{
	const Poisoned poisoned(512);

	REQUIRE(poisoned.poison(0, 512));
	CHECK(smaps_bytes(poisoned.world.memory.range(), "Anonymous") == 0);
	CHECK(smaps_bytes(poisoned.world.memory.range(), "Swap") == 0);
}
