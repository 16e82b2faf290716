// SPDX-License-Identifier: GPL-2.0-only
/* hugetlb memory: poison. Counts in huge pages. */
#include "lib/files.hpp"
#include "lib/hugetlb.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"
#include "lib/protection.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

struct PoisonedHuge {
	PoisonedHuge(std::size_t count, MemoryKind kind)
		: pages(needed(count)), memory(count, kind), context(open_context(Features::Poison))
	{
		take(context.register_range(memory.range(), Modes::Missing));
	}

	Progress poison(std::size_t first, std::size_t count) const
	{
		return context.poison(memory.range(first, count));
	}

	const HugePages pages;
	const HugeMemory memory;
	const Context context;

private:
	static std::size_t needed(std::size_t count)
	{
		need(Features::Poison);
		return count;
	}
};

/* The code of the SIGBUS that a child gets for reading a word, or 0. */
int code_of_reading(const HugeMemory &memory, std::size_t index)
{
	Process reader([&] {
		struct sigaction action = {};

		action.sa_flags = SA_SIGINFO;
		action.sa_sigaction = [](int, siginfo_t *info, void *) { ::_exit(info->si_code); };
		::sigaction(SIGBUS, &action, nullptr);
		return static_cast<int>(memory.small_word(index, 5) & 0);
	});
	return reader.wait();
}

} // namespace

HUGE_TEST_CASE("a thread that touches a poisoned huge page gets the SIGBUS of bad memory",
	       "[hugetlb][poison]")
{
	const PoisonedHuge poisoned(3, TestType::kind);
	const auto before = poisoned.pages.pool();

	const auto progress = poisoned.poison(1, 2);
	CHECK(progress.done == 2 * huge_page_size);
	CHECK_FALSE(progress.error);
	CHECK(poisoned.pages.pool() == before);
	const Pipe pipe;
	CHECK(::write(pipe.in.get(), reinterpret_cast<void *>(poisoned.memory.address(1)), 1) ==
	      -1);
	CHECK(errno == EFAULT);
	/* A child inherits the poison of a private mapping. */
	if (TestType::kind == MemoryKind::private_huge)
		CHECK(code_of_reading(poisoned.memory, 2) == BUS_MCEERR_AR);
}

HUGE_TEST_CASE("poisoning a huge page ends the wait of its waiters", "[hugetlb][poison]")
{
	const PoisonedHuge poisoned(1, TestType::kind);
	const Pipe pipe;

	/* An access of the kernel: it waits, and then fails with EFAULT. */
	auto writer = in_thread([&] {
		const auto written = ::write(
			pipe.in.get(), reinterpret_cast<void *>(poisoned.memory.address(0)), 1);
		return written < 0 ? errno : 0;
	});
	CHECK(next_fault(poisoned.context).address == poisoned.memory.address(0));
	REQUIRE(poisoned.poison(0, 1));
	CHECK(writer.get() == EFAULT);
	CHECK(fdinfo(poisoned.context.fd()).total == 0);
}

HUGE_TEST_CASE("poisoning stops at a huge page that is there or poisoned", "[hugetlb][poison]")
{
	const PoisonedHuge poisoned(3, TestType::kind);
	const HugeSource source(1, 8);

	REQUIRE(poisoned.context.copy(poisoned.memory.address(1), source.bytes(0, 1)));
	CHECK(poisoned.poison(1, 1).error.value() == EEXIST);
	const auto progress = poisoned.poison(0, 3);
	CHECK(progress.done == huge_page_size);
	CHECK(progress.error.value() == EAGAIN);
	CHECK(poisoned.poison(0, 1).error.value() == EEXIST);
	CHECK(poisoned.memory.has_pattern(1, 8));
	CHECK(poisoned.context.poison({poisoned.memory.address(2), page_size()}).error.value() ==
	      EINVAL);
}

HUGE_TEST_CASE("a copy heals a poisoned huge page", "[hugetlb][poison]")
{
	const PoisonedHuge poisoned(2, TestType::kind);
	const HugeSource source(2, 11);

	REQUIRE(poisoned.poison(0, 2));
	REQUIRE(poisoned.context.copy(poisoned.memory.address(0), source.bytes(0, 2)));
	CHECK(poisoned.memory.has_pattern(0, 11));
	CHECK(poisoned.memory.has_pattern(1, 12));
}
