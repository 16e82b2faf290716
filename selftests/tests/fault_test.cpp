// SPDX-License-Identifier: GPL-2.0-only
/* Faults of user-mode code: which are reported, how, and when the faulting thread goes on. */
#include "harness/known_thread.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/monitor.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <iostream>
#include <pthread.h>
#include <random>
#include <ranges>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

MEMORY_TEST_CASE("a read is reported as a fault of its page that is no write", "[fault][smp]")
{
	const World world(3, TestType::kind);
	auto reader = in_thread([&] { return world.memory.page(1)[100]; });
	const auto fault = next_fault(world.context);

	CHECK(fault.address == world.memory.address(1));
	CHECK(fault.flags == FaultFlags::None);
	CHECK(fault.thread == 0);
	CHECK_FALSE(is_done(reader));
	world.fill(1);
	CHECK(reader.get() == world.memory.page(1)[100]);
	CHECK(has_pattern(world.memory.bytes(1, 1), 1));
}

MEMORY_TEST_CASE("a write is reported as a write and is done after the page is filled",
		 "[fault][smp]")
{
	const World world(1, TestType::kind);
	auto writer = in_thread([&] { *(&world.memory.word(0) + 3) = 42; });
	const auto fault = next_fault(world.context);

	CHECK(fault.address == world.memory.address(0));
	CHECK(fault.flags == FaultFlags::Write);
	world.fill(0);
	writer.get();
	CHECK(*(&world.memory.word(0) + 3) == 42);
	CHECK(world.memory.word(0) == pattern_word(0));
}

MEMORY_TEST_CASE("the exact address is reported if that was asked for", "[fault][smp]")
{
	const World world(2, TestType::kind, Features::ExactAddress);
	volatile std::byte *place = world.memory.page(1) + 1234;
	auto reader = in_thread([&] { return *place; });

	CHECK(next_fault(world.context).address == world.memory.address(1) + 1234);
	world.fill(1);
	reader.get();
}

TEST_CASE("the thread's id is reported if that was asked for", "[fault][smp]")
{
	const World world(4, Features::ThreadId);
	std::vector<KnownThread<void>> threads;

	for (std::size_t i = 0; i < 4; i++)
		threads.emplace_back([&, i] { world.memory.word(i) = 1; });
	for (unsigned n = 0; n < 4; n++) {
		const auto fault = next_fault(world.context);
		const auto index = world.memory.index_of(fault.address);
		CHECK(fault.thread == static_cast<std::uint32_t>(threads.at(index).id()));
		world.fill(index);
	}
}

MEMORY_TEST_CASE("touching pages that are there is not reported", "[fault][smp]")
{
	const auto memory = patterned(4, TestType::kind);
	const auto context = open_context();

	take(context.register_range(memory.range(), Modes::Missing));
	CHECK(count_patterned(memory) == 4);
	memory.word(3) = 1;
	CHECK(fdinfo(context.fd()).total == 0);
	CHECK_FALSE(take(context.read()));
}

TEST_CASE("writing to the zero page is not reported", "[fault][smp]")
{
	const Memory memory(1);
	const auto context = open_context();

	CHECK(memory.word(0) == 0);
	take(context.register_range(memory.range(), Modes::Missing));
	memory.word(0) = 1;
	CHECK(memory.word(0) == 1);
	CHECK_FALSE(take(context.read()));
}

MEMORY_TEST_CASE("each fault is reported once", "[fault][smp]")
{
	const World world(1, TestType::kind);
	auto reader = in_thread([&] { return world.memory.word(0); });

	CHECK(next_fault(world.context).address == world.memory.address(0));
	CHECK_FALSE(take(world.context.read()));
	CHECK(fdinfo(world.context.fd()).total == 1);
	CHECK_FALSE(is_done(reader));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
	CHECK_FALSE(take(world.context.read()));
}

MEMORY_TEST_CASE("the fault of every thread that waits for a page is reported", "[fault][smp]")
{
	const std::size_t count = 16;
	const World world(1, TestType::kind, Features::ThreadId);
	std::vector<std::future<std::uint64_t>> readers;
	std::vector<std::uint32_t> told;

	for (std::size_t i = 0; i < count; i++)
		readers.push_back(in_thread([&] { return world.memory.word(0) + 0; }));
	wait_for_pending(world.context, count);
	for (std::size_t i = 0; i < count; i++)
		told.push_back(next_fault(world.context).thread);
	CHECK_FALSE(take(world.context.read()));
	std::sort(told.begin(), told.end());
	CHECK(std::unique(told.begin(), told.end()) == told.end());
	world.fill(0);
	for (auto &reader : readers)
		CHECK(reader.get() == pattern_word(0));
}

TEST_CASE("faults are reported in the order in which they came in", "[fault][smp]")
{
	const std::size_t count = 24;
	const World world(count);
	std::vector<std::future<std::uint64_t>> readers;

	for (std::size_t n = 0; n < count; n++) {
		const std::size_t i = n * 7 % count;
		readers.push_back(in_thread([&world, i] { return world.memory.word(i) + 0; }));
		wait_for_pending(world.context, n + 1);
	}
	for (std::size_t n = 0; n < count; n++)
		CHECK(next_fault(world.context).address == world.memory.address(n * 7 % count));
	for (std::size_t i = 0; i < count; i++)
		world.fill(i);
}

MEMORY_TEST_CASE("an access over the border of two pages waits for both", "[fault][smp]")
{
	const World world(2, TestType::kind);
	auto reader = in_thread([&] {
		std::uint64_t value;
		std::memcpy(&value, world.memory.page(1) - 4, sizeof(value));
		return value;
	});
	std::uint64_t expected;

	for (unsigned n = 0; n < 2; n++)
		world.fill(world.memory.index_of(next_fault(world.context).address));
	const auto value = reader.get();
	std::memcpy(&expected, world.memory.page(1) - 4, sizeof(expected));
	CHECK(value == expected);
	CHECK(count_patterned(world.memory) == 2);
}

#ifdef __x86_64__
TEST_CASE("code can be fetched from a page that is filled on demand", "[fault][smp][security]")
{
	const World world(1);
	checked(::mprotect(world.memory.page(0), page_size(), PROT_READ | PROT_EXEC));
	const auto function = reinterpret_cast<int (*)()>(world.memory.page(0));
	auto caller = in_thread([&] { return function(); });
	std::vector<std::byte> page(page_size());
	const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */

	CHECK(next_fault(world.context).flags == FaultFlags::None);
	std::memcpy(page.data(), code, sizeof(code));
	REQUIRE(world.context.copy(world.memory.address(0), page));
	CHECK(caller.get() == 42);
}
#endif

MEMORY_TEST_CASE("all pages are filled on demand for many threads at once", "[fault][smp]")
{
	const std::size_t pages = 256, threads = 8;
	const World world(pages, TestType::kind);
	const Monitor monitor(world.context, [&](const Fault &fault) {
		const auto index = world.memory.index_of(fault.address);
		std::vector<std::byte> page(page_size());
		write_pattern(page, index);
		const auto progress = world.context.copy(world.memory.address(index), page);
		if (!progress && progress.error != std::errc::file_exists)
			give_up(progress.error.message());
		if (!progress)
			take(world.context.wake(world.memory.range(index, 1)));
	});
	std::vector<std::future<std::size_t>> readers;

	for (std::size_t t = 0; t < threads; t++)
		readers.push_back(in_thread([&, t] {
			std::size_t right = 0;
			for (std::size_t n = 0; n < pages; n++) {
				const auto i = (n * (2 * t + 1) + t * 31) % pages;
				right += world.memory.word(i) == pattern_word(i);
			}
			return right;
		}));
	for (auto &reader : readers)
		CHECK(reader.get() == pages);
	CHECK(count_patterned(world.memory) == pages);
	CHECK(monitor.told() >= pages);
	CHECK(fdinfo(world.context.fd()).total == 0);
}

MEMORY_TEST_CASE("a fault is a SIGBUS if that was asked for", "[fault][smp]")
{
	const World world(2, TestType::kind, Features::Sigbus);
	static sigjmp_buf back;
	static std::atomic<void *> address;
	struct sigaction action = {};

	action.sa_flags = SA_SIGINFO;
	action.sa_sigaction = [](int, siginfo_t *info, void *) {
		address = info->si_addr;
		siglongjmp(back, 1);
	};
	checked(::sigaction(SIGBUS, &action, nullptr));
	if (sigsetjmp(back, 1) == 0) {
		world.memory.word(1) = 1;
		FAIL("the write went through");
	}
	CHECK(address == world.memory.page(1));
	CHECK_FALSE(take(world.context.read()));
	CHECK(fdinfo(world.context.fd()).total == 0);
	world.fill(1);
	CHECK(world.memory.word(1) == pattern_word(1));
}

MEMORY_TEST_CASE("a page that is filled before its fault is read needs no monitor", "[fault][smp]")
{
	const World world(1, TestType::kind);
	auto reader = in_thread([&] { return world.memory.word(0); });

	wait_for_pending(world.context, 1);
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
	CHECK_FALSE(take(world.context.read()));
}

TEST_CASE("two contexts of a process get only their own faults", "[fault][smp]")
{
	const World world(1), other(1);
	auto reader = in_thread([&] { return world.memory.word(0); });
	auto other_reader = in_thread([&] { return other.memory.word(0); });

	CHECK(next_fault(world.context).address == world.memory.address(0));
	CHECK(next_fault(other.context).address == other.memory.address(0));
	CHECK_FALSE(take(world.context.read()));
	CHECK_FALSE(take(other.context.read()));
	world.fill(0);
	CHECK(reader.get() == pattern_word(0));
	CHECK(fdinfo(other.context.fd()).total == 1);
	other.fill(0);
	CHECK(other_reader.get() == pattern_word(0));
}

TEST_CASE("a fault on the stack of a thread is reported", "[fault][smp]")
{
	const World world(64);
	auto thread = [](void *argument) -> void * {
		volatile char deep[16 * 4096];
		deep[0] = 1;
		*static_cast<volatile bool *>(argument) = deep[0];
		return nullptr;
	};
	bool went_through = false;
	const Monitor monitor(world.context, [&](const Fault &fault) {
		take([&]() -> Result<void> {
			const auto page =
				world.memory.range(world.memory.index_of(fault.address), 1);
			const auto progress = world.context.zeropage(page);
			if (!progress)
				return std::unexpected(progress.error);
			return {};
		}());
	});
	pthread_attr_t attributes;
	pthread_t id;

	::pthread_attr_init(&attributes);
	::pthread_attr_setstack(&attributes, world.memory.page(0), 64 * page_size());
	REQUIRE(::pthread_create(&id, &attributes, thread, &went_through) == 0);
	REQUIRE(::pthread_join(id, nullptr) == 0);
	CHECK(went_through);
	CHECK(monitor.told() >= 2);
}

namespace {

/* Passes some time without a system call. */
void pass_time(int turns)
{
	for (; turns > 0; turns--)
		std::atomic_signal_fence(std::memory_order_seq_cst);
}

/* How often this thread has slept so far. */
long times_slept()
{
	rusage usage;

	checked(::getrusage(RUSAGE_THREAD, &usage));
	return usage.ru_nvcsw;
}

/* The processors that this thread may run on. */
std::vector<int> processors()
{
	std::vector<int> numbers;
	cpu_set_t allowed;

	checked(::sched_getaffinity(0, sizeof(allowed), &allowed));
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &allowed))
			numbers.push_back(i);
	return numbers;
}

void run_on(int processor)
{
	cpu_set_t only;

	CPU_ZERO(&only);
	CPU_SET(processor, &only);
	checked(::sched_setaffinity(0, sizeof(only), &only));
}

/*
 * A writer and some fillers go for the same pages, one page after the other, and try to meet in one
 * moment: when the writer has found the page missing, but doesn't sleep yet. They find this moment
 * by trying: if the writer slept, it came too early; if it didn't, too late. The time between the
 * two is longest for a write, and zeroing is the fastest way to fill. Each thread has a processor
 * of its own: else a woken writer would wait for the end of the time slice of a filler.
 */
class Race {
public:
	explicit Race(const World &world) : world_(world) {}

	/* Fills each page once the writer is about to come to it. */
	void fill()
	{
		for (std::size_t i = 0; i < world_.memory.pages(); i++) {
			while (next_ < i)
				std::this_thread::yield();
			pass_time(-writer_waits_);
			const auto progress = world_.context.zeropage(world_.memory.range(i, 1));
			if (!progress && progress.error != std::errc::file_exists)
				give_up("zeropage: " + progress.error.message());
		}
	}

	/* Writes to each page; returns how often it slept. */
	std::size_t write()
	{
		std::minstd_rand random(1);
		std::size_t slept = 0;
		int waits = 0;

		for (std::size_t i = 0; i < world_.memory.pages(); i++) {
			const int step = static_cast<int>(random() % 512);
			const auto before = times_slept();
			writer_waits_ = waits;
			next_ = i;
			pass_time(waits);
			world_.memory.word(i) = i;
			const bool early = times_slept() > before;
			waits = std::clamp(waits + (early ? step : -step), -longest, longest);
			slept += early;
		}
		return slept;
	}

private:
	static constexpr int longest = 1 << 16;

	const World &world_;
	std::atomic<std::size_t> next_ = 0;
	std::atomic<int> writer_waits_ = 0; /* for so many turns; if negative, the fillers wait */
};

} // namespace

MEMORY_TEST_CASE("a wake-up is never lost between the fault and the wait", "[fault][slow][smp]")
{
	/* No monitor reads the faults: a writer that misses the one wake-up waits for ever. */
	const std::size_t pages = repeated(512);
	const World world(pages, TestType::kind);
	Race race(world);
	std::vector<std::future<void>> fillers;

	const auto numbers = processors();
	if (numbers.size() < 2)
		skip("the threads can meet only on two processors");
	run_on(numbers[0]);
	for (const int number : numbers | std::views::drop(1))
		fillers.push_back(in_thread([&race, number] {
			run_on(number);
			race.fill();
		}));
	const auto slept = race.write();
	for (auto &filler : fillers)
		filler.get();
	std::cout << slept << " of " << pages << " pages made the writer sleep\n";
	for (std::size_t i = 0; i < pages; i++)
		if (world.memory.word(i) != i)
			give_up("page " + std::to_string(i) + " is wrong");
	CHECK(fdinfo(world.context.fd()).total == 0);
}
