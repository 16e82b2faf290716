// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of virtual machines on KVM. They are the kernel's own: KVM looks up in the process's
 * memory the page that the guest touches, and maps it in the guest's page tables, too.
 */
#include "lib/files.hpp"
#include "lib/guest_world.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <memory>
#include <sys/mman.h>

using namespace selftests;
using namespace userfault;

namespace {

int error_of(const GuestWorld::Answer &answer)
{
	return answer ? 0 : answer.error().value();
}

/* A guest whose memory is that of a file, and an unregistered mapping of the same file. */
struct MinorWorld {
	MinorWorld(std::size_t pages, MemoryKind kind)
		: pool(is_huge(kind) ? std::make_unique<HugePages>(pages) : nullptr),
		  step(page_bytes_of(kind) / page_size()),
		  file(is_huge(kind) ? huge_file(pages * step) : shmem_file(pages)),
		  other(mapping(pages * step, file, kind)),
		  world(mapping(pages * step, file, kind), page_bytes_of(kind), Modes::Minor)
	{
	}

	static Memory mapping(std::size_t pages, const Fd &file, MemoryKind kind)
	{
		return Memory::aligned(pages, page_bytes_of(kind), file, MAP_SHARED);
	}

	volatile Vcpu::Word &other_word(std::size_t index) const
	{
		return other.word(index * step);
	}

	const std::unique_ptr<HugePages> pool;
	const std::size_t step; /* small pages in a page */
	const Fd file;
	const Memory other;
	GuestWorld world;
};

/* The last SIGBUS. */
volatile int bus_code, bus_granularity;
void *volatile bus_address;

void note_bus_errors()
{
	struct sigaction action = {};

	action.sa_flags = SA_SIGINFO;
	action.sa_sigaction = [](int, siginfo_t *info, void *) {
		bus_code = info->si_code;
		bus_address = info->si_addr;
		bus_granularity = info->si_addr_lsb;
	};
	checked(::sigaction(SIGBUS, &action, nullptr));
}

} // namespace

GUEST_TEST_CASE("a guest that reads a missing page waits until it is filled", "[kvm]")
{
	GuestWorld world(3, TestType::kind);
	auto reader = world.reading(1);

	world.next_fault_is(1, FaultFlags::None);
	CHECK_FALSE(is_done(reader));
	world.fill(1);
	CHECK(reader.get() == pattern_word(1));
	CHECK(world.read(1) == pattern_word(1));
	CHECK(world.has_pattern(1));
	CHECK(world.nothing_is_told());
}

GUEST_TEST_CASE("a guest that writes to a missing page waits until it is filled", "[kvm]")
{
	GuestWorld world(2, TestType::kind);
	auto writer = world.writing(1, 5);

	world.next_fault_is(1, FaultFlags::Write);
	CHECK_FALSE(is_done(writer));
	world.fill(1);
	CHECK(writer.get());
	CHECK(world.word(1) == 5);
	CHECK(world.read(1) == 5u);
	CHECK(world.nothing_is_told());
}

TEMPLATE_TEST_CASE("a guest reads zeroes from a page of zeroes, and can write to it", "[kvm]",
		   Anonymous, SharedFile)
{
	GuestWorld world(2, TestType::kind);
	auto reader = world.reading(0);

	world.next_fault_is(0, FaultFlags::None);
	CHECK(world.context.zeropage(world.range(0, 2)));
	CHECK(reader.get() == 0u);
	CHECK(world.write(0, 7));
	CHECK(world.word(0) == 7);
	CHECK(world.read(1) == 0u);
	CHECK(world.nothing_is_told());
}

TEMPLATE_TEST_CASE("a guest's fault on a page that the file has is reported as minor",
		   "[kvm][minor]", SharedFile, SharedHugeFile)
{
	MinorWorld minor(2, TestType::kind);
	auto &world = minor.world;

	minor.other_word(0) = 4;
	minor.other_word(1) = 5;
	auto reader = world.reading(0);
	world.next_fault_is(0, FaultFlags::Minor);
	minor.other_word(0) = 6;
	CHECK(world.context.resume(world.range(0, 1)));
	CHECK(reader.get() == 6u);

	auto writer = world.writing(1, 7);
	world.next_fault_is(1, FaultFlags::Minor | FaultFlags::Write);
	CHECK(world.context.resume(world.range(1, 1)));
	CHECK(writer.get());
	CHECK(minor.other_word(1) == 7);
	CHECK(world.nothing_is_told());
}

TEST_CASE("two processors of a guest fault on many pages at once", "[kvm][smp]")
{
	constexpr std::size_t pages = 64;
	const World world(pages);
	Guest guest(world.memory, 2);
	const Monitor monitor(world.context, [&](const Fault &fault) {
		const auto index = world.memory.index_of(fault.address);
		std::array<std::byte, 4096> page;

		/* Both may have faulted on it. */
		write_pattern(page, index);
		const auto progress = world.context.copy(world.memory.address(index), page);
		if (progress.error == std::errc::file_exists)
			take(world.context.wake(world.memory.range(index, 1)));
		else if (!progress)
			give_up(progress.error.message());
	});
	/* In opposite orders. */
	const auto correct = [&](std::size_t number) {
		std::size_t count = 0;

		for (std::size_t i = 0; i < pages; i++) {
			const auto index = number ? pages - 1 - i : i;
			count += guest.vcpu(number).read(index) == pattern_word(index);
		}
		return count;
	};

	auto second = in_thread([&] { return correct(1); });
	CHECK(correct(0) == pages);
	CHECK(second.get() == pages);
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("a guest goes on in instructions that were missing", "[kvm]")
{
	GuestWorld world(2);
	const Memory source(1);
	auto answer = in_thread([&] { return world.vcpu().jump(1); });

	std::copy(guest_answer, guest_code_end, source.page(0));
	world.next_fault_is(1, FaultFlags::None);
	CHECK(world.context.copy(world.range(1, 1).start, source.bytes(0, 1)));
	CHECK(answer.get() == 42u);
}

TEST_CASE("an instruction that KVM carries out itself waits for a missing page", "[kvm]")
{
	GuestWorld world(2);
	auto answer = in_thread([&] { return world.vcpu().print(1); });

	world.next_fault_is(1, FaultFlags::None);
	world.fill(1);
	CHECK(answer.get() == (pattern_word(1) & 0xff));
	CHECK(world.nothing_is_told());
}

TEST_CASE("KVM waits for a missing page that it writes the time to", "[kvm]")
{
	GuestWorld world(2);

	world.fill(1);
	auto reader = in_thread([&] {
		world.vcpu().keep_time_in(0);
		return world.read(1);
	});
	world.next_fault_is(0, FaultFlags::Write);
	CHECK_FALSE(is_done(reader));
	CHECK(world.context.zeropage(world.range(0, 1)));
	CHECK(reader.get() == pattern_word(1));
	CHECK_FALSE(is_zero(world.memory.bytes(0, 1)));
}

TEST_CASE("a guest's processor stops with an error where a thread would get a SIGBUS", "[kvm]")
{
	GuestWorld world(2, MemoryKind::anonymous, Modes::Missing, Features::Sigbus);

	CHECK(error_of(world.read(1)) == EFAULT);
	CHECK(error_of(world.write(1, 5)) == EFAULT);
	CHECK(world.nothing_is_told());
	world.fill(1);
	CHECK(world.vcpu().go_on());
	CHECK(world.word(1) == 5);
}

TEST_CASE("a context for faults of user mode leaves a guest's faults out", "[kvm]")
{
	auto options = options_for();
	options.user_mode_only = true;
	const World world(1, options);
	Guest guest(world.memory);

	CHECK(error_of(guest.vcpu().read(0)) == EFAULT);
	CHECK_FALSE(is_readable(world.context));
	world.fill(0);
	CHECK(guest.vcpu().go_on() == pattern_word(0));
}

GUEST_TEST_CASE("the thread of a guest that touches a poisoned page gets the SIGBUS of bad memory",
		"[kvm][poison]")
{
	need(Features::Poison);
	GuestWorld world(2, TestType::kind);

	note_bus_errors();
	CHECK(world.context.poison(world.range(1, 1)));
	CHECK(error_of(world.read(1)) == EINTR);
	CHECK(bus_code == BUS_MCEERR_AR);
	CHECK(bus_address == world.memory.page(world.small_pages));
	CHECK(bus_granularity == 12);
	CHECK(world.nothing_is_told());
	world.fill(1);
	CHECK(world.vcpu().go_on() == pattern_word(1));
}

GUEST_TEST_CASE("a page that was taken from a guest is missing for it again", "[kvm]")
{
	GuestWorld world(2, TestType::kind);

	world.fill(1);
	CHECK(world.write(1, 5));
	world.memory.drop(world.small_pages, world.small_pages);
	auto reader = world.reading(1);
	world.next_fault_is(1, FaultFlags::None);
	world.fill(1);
	CHECK(reader.get() == pattern_word(1));
	CHECK(world.nothing_is_told());
}
