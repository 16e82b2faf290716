// SPDX-License-Identifier: GPL-2.0-only
/*
 * A write watch, like GetWriteWatch() and ResetWriteWatch() of Windows, which Wine builds in this
 * way: a list of the pages that were written since the last list, by protection that resolves
 * itself (WP_ASYNC) and PAGEMAP_SCAN, or where there is no PAGEMAP_SCAN by the protection in
 * /proc/self/pagemap.
 */
#include "lib/files.hpp"
#include "lib/protection.hpp"
#include "lib/scan.hpp"
#include "lib/swap.hpp"
#include "lib/thp.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 2 * page_table;
using Pages = std::vector<std::size_t>;

/* What the watched memory is like at first. */
struct Start {
	const char *name;
	Guarded::Fill fill;
};

const std::array<Start, 3> starts{{
	{"untouched", [](const Memory &) {}},
	{"small pages",
	 [](const Memory &memory) {
		 keep_small(memory);
		 fill_with_patterns(memory);
	 }},
	{"huge pages", make_huge},
}};

class WriteWatch {
public:
	explicit WriteWatch(const Guarded::Fill &fill)
		: guarded_(Memory::aligned(pages, huge_page), fill,
			   Features::WpAsync | Features::WpUnpopulated)
	{
		guarded_.protect();
	}

	const Memory &memory() const { return guarded_.memory; }

	/* The pages that were written since the last call. */
	Pages written() const { return kernel_before(6, 7) ? by_bits() : by_scan(); }

private:
	Pages by_scan() const
	{
		Pages list;

		for (const auto &region : written_ranges(memory().range()))
			for (auto at = region.start; at < region.end; at += page_size())
				list.push_back(memory().index_of(at));
		return list;
	}
	Pages by_bits() const
	{
		const auto entries = pagemap_entries(memory());
		Pages list;

		for (std::size_t i = 0; i < pages; i++)
			if (!(entries[i] & pagemap_write_protected))
				list.push_back(i);
		guarded_.protect();
		return list;
	}

	const Guarded guarded_;
};

/* Does @work with a watch on each kind of memory that this kernel has. */
void with_each_watch(const std::function<void(const WriteWatch &)> &work)
{
	need(Features::WpAsync | Features::WpUnpopulated);
	for (const auto &[name, fill] : starts) {
		if (std::strcmp(name, "huge pages") == 0 && !has_transparent_huge_pages())
			continue;
		INFO(name);
		const WriteWatch watch(fill);
		CHECK(watch.written().empty());
		work(watch);
	}
}

Pages all_pages()
{
	Pages list(pages);

	std::iota(list.begin(), list.end(), 0);
	return list;
}

std::uint64_t read_all(const Memory &memory)
{
	std::uint64_t sum = 0;

	for (std::size_t i = 0; i < pages; i++)
		sum += memory.word(i);
	return sum;
}

/* Threads that write to pages at random, as long as this lives. */
class Writers {
public:
	explicit Writers(const Memory &memory)
	{
		for (unsigned i = 0; i < threads_.size(); i++)
			threads_[i] = in_thread([&, i] {
				std::minstd_rand random(i + 1);
				while (!stop_) {
					memory.word(random() % pages) = random();
					writes_++;
				}
			});
	}
	~Writers()
	{
		stop_ = true;
		for (auto &thread : threads_)
			thread.get();
	}

	std::size_t writes() const { return writes_; }

private:
	std::atomic<bool> stop_ = false;
	std::atomic<std::size_t> writes_ = 0;
	std::array<std::future<void>, 2> threads_;
};

} // namespace

TEST_CASE("a watch lists each page that was written, and no other, once", "[write_watch][wp-async]")
{
	with_each_watch([](const WriteWatch &watch) {
		const auto &memory = watch.memory();

		memory.word(3) = 1;
		memory.word(3) = 2;
		memory.page(pages - 1)[page_size() - 1] = std::byte{1};
		CHECK(watch.written() == Pages{3, pages - 1});
		CHECK(watch.written().empty());
		read_all(memory);
		CHECK(watch.written().empty());
		for (const std::size_t i : {0, 3, 511, 512, 700})
			memory.word(i) = 3;
		CHECK(watch.written() == Pages{0, 3, 511, 512, 700});
		std::memset(memory.page(0), 5, memory.range().length);
		CHECK(watch.written() == all_pages());
		CHECK(watch.written().empty());
	});
}

TEST_CASE("changing the access to and fro neither makes nor hides a write",
	  "[write_watch][wp-async]")
{
	with_each_watch([](const WriteWatch &watch) {
		const auto &memory = watch.memory();
		const auto allow = [&](int access) {
			checked(::mprotect(memory.page(0), memory.range().length, access));
		};

		memory.word(20) = 1;
		allow(PROT_READ);
		read_all(memory);
		allow(PROT_READ | PROT_WRITE);
		CHECK(watch.written() == Pages{20});
		allow(PROT_NONE);
		allow(PROT_READ | PROT_WRITE);
		memory.word(50) = 1;
		CHECK(watch.written() == Pages{50});
	});
}

TEST_CASE("a page that is dropped and written again is listed", "[write_watch][wp-async]")
{
	with_each_watch([](const WriteWatch &watch) {
		const auto &memory = watch.memory();

		memory.drop(100, 8);
		memory.word(104) = 4;
		/* Pages that were dropped have changed, too, and may be listed. */
		const auto list = watch.written();
		CHECK(std::ranges::count(list, 104) == 1);
		CHECK(std::ranges::all_of(list, [](auto i) { return i >= 100 && i < 108; }));
		CHECK(watch.written().empty());
		memory.word(103) = 5;
		CHECK(watch.written() == Pages{103});
	});
}

TEST_CASE("what the kernel writes for the process is listed", "[write_watch][wp-async]")
{
	with_each_watch([](const WriteWatch &watch) {
		const Pipe pipe;

		checked(::write(pipe.in.get(), "text", 4));
		checked(::read(pipe.out.get(), watch.memory().page(201) - 2, 4));
		CHECK(watch.written() == Pages{200, 201});
		checked(::write(pipe.in.get(), watch.memory().page(300), 4));
		CHECK(watch.written().empty());
	});
}

TEST_CASE("pages that were swapped out and in are listed only if they were written",
	  "[write_watch][wp-async][swap]")
{
	need(Features::WpAsync | Features::WpUnpopulated);
	const Swap swap(32 << 20);
	const WriteWatch watch(starts[1].fill);
	const auto &memory = watch.memory();

	memory.word(60) = 1;
	swap_out(memory, 0, 64);
	CHECK(watch.written() == Pages{60});
	memory.word(7) = 1;
	CHECK(has_pattern(memory.bytes(8, 1), 8));
	CHECK(watch.written() == Pages{7});
	swap_out(memory, 0, 64);
	CHECK(watch.written().empty());
	CHECK(has_pattern(memory.bytes(9, 1), 9));
	CHECK(memory.word(60) == 1);
}

TEST_CASE("a copy that is kept up to date by what was written comes to equal the memory",
	  "[write_watch][wp-async][smp]")
{
	if (kernel_before(6, 7))
		skip("without PAGEMAP_SCAN, looking and protecting anew are two steps");
	with_each_watch([](const WriteWatch &watch) {
		const auto &memory = watch.memory();
		const Memory copy(pages);
		std::size_t listed = 0;
		const auto update = [&] {
			for (const auto i : watch.written()) {
				std::memcpy(copy.page(i), memory.page(i), page_size());
				listed++;
			}
		};

		std::memcpy(copy.page(0), memory.page(0), memory.range().length);
		{
			const Writers writers(memory);
			for (unsigned i = 0; i < repeated(4); i++) {
				const auto before = writers.writes();
				update();
				wait_until("more is written",
					   [&] { return writers.writes() > before + 100; });
			}
		}
		update();
		CHECK(watch.written().empty());
		CHECK(listed > 0);
		CHECK(std::ranges::equal(copy.bytes(0, pages), memory.bytes(0, pages)));
	});
}
