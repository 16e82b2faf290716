// SPDX-License-Identifier: GPL-2.0-only
/*
 * A use of write protection: a consistent snapshot of memory that other threads go on writing to.
 * While a page is protected, its content must not change, whatever the kernel does to it meanwhile.
 */
#include "lib/memory_group.hpp"
#include "lib/protection.hpp"
#include "lib/swap.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <random>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 1024;
constexpr std::size_t swap_bytes = 64 << 20;
constexpr std::size_t reclaimed_bytes = pages / 4 * 4096;
constexpr unsigned writer_count = 3;

using Random = std::minstd_rand;
using Picture = std::vector<std::uint64_t>;

std::size_t some_page(Random &random)
{
	return std::uniform_int_distribution<std::size_t>(0, pages - 1)(random);
}

/* Makes the kernel move pages to other frames. */
void compact()
{
	std::ofstream("/proc/sys/vm/compact_memory") << "1";
}

/* The pagemap entries of all pages, read at once. */
std::vector<std::uint64_t> pagemap_of(const Memory &memory)
{
	const Fd file(
		static_cast<int>(checked(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC))));
	std::vector<std::uint64_t> entries(memory.pages());
	const auto bytes = static_cast<ssize_t>(entries.size() * sizeof(entries[0]));

	if (::pread(file.get(), entries.data(), bytes, memory.address(0) / page_size() * 8) !=
	    bytes)
		give_up("the page map is shorter than it should be");
	return entries;
}

/* Threads that write numbers, each its own, until the end of their life. */
class Writers {
public:
	explicit Writers(const Memory &memory)
	{
		for (unsigned i = 0; i < writer_count; i++)
			threads_[i] = in_thread([&, i] { write(memory, i + 1); });
	}
	~Writers()
	{
		stop_ = true;
		for (auto &thread : threads_)
			thread.get();
	}

	std::size_t written() const { return written_; }

private:
	void write(const Memory &memory, unsigned seed)
	{
		Random random(seed);

		while (!stop_) {
			memory.word(some_page(random)) = random();
			written_++;
		}
	}

	std::atomic<bool> stop_ = false;
	std::atomic<std::size_t> written_ = 0;
	std::future<void> threads_[writer_count];
};

/* Memory pressure: a thread makes the kernel swap pages out and move them about. */
class Pressure {
public:
	Pressure(const Memory &memory, const MemoryGroup &group)
		: thread_(in_thread([&] { press(memory, group); }))
	{
	}
	~Pressure()
	{
		stop_ = true;
		thread_.get();
	}

private:
	void press(const Memory &memory, const MemoryGroup &group)
	{
		Random random(99);

		compact();
		while (!stop_) {
			push_out(memory, std::min(some_page(random), pages - 16), 16);
			group.reclaim(reclaimed_bytes);
			std::this_thread::yield();
		}
	}

	std::atomic<bool> stop_ = false;
	std::future<void> thread_;
};

struct Content {
	explicit Content(const Guarded &guarded) : words(pages)
	{
		for (std::size_t i = 0; i < pages; i++)
			words[i] = guarded.memory.word(i);
		/* After the content: what is protected now was protected when it was read. */
		for (const auto entry : pagemap_of(guarded.memory))
			kept.push_back(entry & pagemap_write_protected);
	}

	Picture words;
	std::vector<bool> kept;
};

/* How many pages have changed although they were protected all the time. */
std::size_t count_missed(const Content &before, const Content &after)
{
	std::size_t missed = 0;

	for (std::size_t i = 0; i < pages; i++)
		missed += after.kept[i] && before.words[i] != after.words[i];
	return missed;
}

/* Reads all messages. They need no answer, since unprotecting wakes the writers. */
std::size_t drain(const Context &context)
{
	std::size_t told = 0;

	while (take(context.read()))
		told++;
	return told;
}

Guarded snapshot_world(Features features)
{
	return Guarded(
		Memory(pages),
		[](const Memory &memory) {
			for (std::size_t i = 0; i < pages; i++)
				memory.word(i) = i;
		},
		features);
}

} // namespace

TEST_CASE("a page that is swapped out can be protected and unprotected", "[wp][swap]")
{
	const Swap swap(swap_bytes);
	const Guarded guarded(16);

	swap_out(guarded.memory, 0, 16);
	guarded.protect(0, 8);
	CHECK(guarded.only_protected(0, 8));
	CHECK(is_swapped(guarded.memory, 0));
	CHECK(guarded.write_is_told(0));
	CHECK_FALSE(guarded.write_is_told(15));
	CHECK(has_pattern(guarded.memory.bytes(7, 1), 7));
	CHECK(guarded.is_protected(7));

	guarded.protect();
	swap_out(guarded.memory, 0, 16);
	CHECK(guarded.only_protected(0, 16));
	guarded.unprotect(0, 15);
	CHECK(guarded.only_protected(15, 1));
	CHECK_FALSE(guarded.write_is_told(1));
	CHECK(guarded.write_is_told(15));
	CHECK(has_pattern(guarded.memory.bytes(14, 1), 14));
}

TEST_CASE("with WP_ASYNC a write to a protected page in swap can be seen", "[wp][wp-async][swap]")
{
	need(Features::WpAsync);
	const Swap swap(swap_bytes);
	const Guarded guarded(16, Features::WpAsync);

	guarded.protect();
	swap_out(guarded.memory, 0, 16);
	guarded.memory.word(3) = 1;
	CHECK_FALSE(guarded.is_protected(3));
	CHECK(guarded.is_protected(2));
	CHECK(has_pattern(guarded.memory.bytes(2, 1), 2));
	CHECK(fdinfo(guarded.context.fd()).total == 0);
}

TEST_CASE("no write is missed while pages are protected, swapped and moved",
	  "[wp][swap][slow][smp]")
{
	const Swap swap(swap_bytes);
	const MemoryGroup group;
	group.add(::getpid());
	const auto guarded = snapshot_world(Features::None);
	const unsigned rounds = repeated(4);
	std::size_t told = 0, swapped = 0, written = 0;

	for (unsigned round = 0; round < rounds; round++) {
		const Pressure pressure(guarded.memory, group);
		const Writers writers(guarded.memory);

		wait_until("something is written", [&] { return writers.written() > pages / 8; });
		guarded.protect();
		const Content before(guarded);
		push_out(guarded.memory, 0, pages);
		for (const auto entry : pagemap_of(guarded.memory))
			swapped += (entry & pagemap_swapped) != 0;
		const Content after(guarded);
		CHECK(count_missed(before, after) == 0);
		CHECK(std::count(after.kept.begin(), after.kept.end(), true) == pages);
		wait_until("all writers wait",
			   [&] { return fdinfo(guarded.context.fd()).total == writer_count; });
		CHECK(count_missed(before, Content(guarded)) == 0);
		told += drain(guarded.context);
		guarded.unprotect();
		written += writers.written();
	}
	CHECK(told > 0);
	CHECK(swapped > 0);
	CHECK(written > rounds * pages / 8);
}

TEST_CASE("no write goes unseen while protection resolves itself and pages are swapped and moved",
	  "[wp][wp-async][swap][slow][smp]")
{
	need(Features::WpAsync);
	const Swap swap(swap_bytes);
	const MemoryGroup group;
	group.add(::getpid());
	const auto guarded = snapshot_world(Features::WpAsync);
	const unsigned rounds = repeated(4);
	std::size_t seen = 0;
	const Writers writers(guarded.memory);

	for (unsigned round = 0; round < rounds; round++) {
		const Pressure pressure(guarded.memory, group);
		const auto written = writers.written();

		guarded.protect();
		const Content before(guarded);
		wait_until("something is written",
			   [&] { return writers.written() > written + pages / 8; });
		const Content after(guarded);
		CHECK(count_missed(before, after) == 0);
		seen += std::count(after.kept.begin(), after.kept.end(), false);
	}
	CHECK(seen > 0);
	CHECK(drain(guarded.context) == 0);
}
