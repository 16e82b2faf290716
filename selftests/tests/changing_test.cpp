// SPDX-License-Identifier: GPL-2.0-only
/* Page operations while mappings change and after a change that failed: whether they work. */
#include "harness/processes.hpp"
#include "lib/heap.hpp"
#include "lib/maps.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Moves the first pages of @memory to the start of @target; -1 if that fails. */
long move(const Memory &memory, std::size_t old_count, const Memory &target, std::size_t new_count)
{
	const void *moved =
		::mremap(memory.page(0), old_count * page_size(), new_count * page_size(),
			 MREMAP_MAYMOVE | MREMAP_FIXED, target.page(0));

	return moved == target.page(0) ? 0 : -1;
}

/* Maps new memory in place of @memory, parts of which may be unmapped. */
void map_anew(const Memory &memory)
{
	if (::mmap(memory.page(0), memory.range().length, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		give_up("memory can't be mapped anew");
}

/* Fault injection: the kernel lets a chosen allocation of the calling thread fail. */
class Failures {
public:
	Failures() : nth_(::open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC))
	{
		if (!nth_)
			skip("this kernel has no fault injection");
		set_up("ignore-gfp-wait", "N");
		set_up("verbose", "0");
		set_up("times", "-1"); /* else each failure counts down */
	}

	~Failures()
	{
		for (const auto &[name, value] : before_)
			std::ofstream(settings + name) << value;
	}

	/* Makes @call; returns whether it came to its @nth allocation, which then failed. */
	bool inject(unsigned nth, const std::function<void()> &call) const
	{
		set(nth);
		call();
		const auto left = get();
		set(0);
		return left == 0;
	}

private:
	void set_up(const std::string &name, const std::string &value)
	{
		before_.emplace_back(name, first_line(settings + name));
		if (!(std::ofstream(settings + name) << value << std::flush))
			give_up("fault injection can't be set up");
	}
	/* set() and get() allocate nothing. */
	void set(unsigned nth) const
	{
		const auto text = std::to_string(nth);

		checked(::pwrite(nth_.get(), text.data(), text.size(), 0));
	}
	unsigned get() const
	{
		std::array<char, 16> text{};

		checked(::pread(nth_.get(), text.data(), text.size() - 1, 0));
		return std::atoi(text.data());
	}

	Fd nth_;
	std::vector<std::pair<std::string, std::string>> before_;
	const std::string settings = "/sys/kernel/debug/failslab/";
};

/* Reads all messages of a context as long as this lives. */
class Reader {
public:
	explicit Reader(const Context &context)
		: thread_(in_thread([this, &context] {
			  while (!ended_)
				  if (take(context.poll(std::chrono::milliseconds(5))))
					  take(context.read());
		  }))
	{
	}

	~Reader()
	{
		ended_ = true;
		thread_.get();
	}

private:
	std::atomic<bool> ended_ = false;
	std::future<void> thread_;
};

/* A missing page of a context that gets events. */
struct Probe {
	explicit Probe(Features features) : world(1, features) {}

	/* Checks that page operations work, and reads the events of that. */
	void check() const
	{
		CHECK(world.context.zeropage(world.memory.range()));
		world.memory.drop(0, 1);
		while (is_readable(world.context))
			next_message(world.context);
	}

	World world;
};

} // namespace

/* Natively they are refused until the thread has gone on, although there is nothing to read. */
TEST_CASE("page operations work as soon as the event has been read", "[event][changing][module]")
{
	const World world(2, Features::EventRemove);

	for (unsigned i = 0; i < 100; i++) {
		auto dropping = in_thread([&] {
			return ::madvise(world.memory.page(0), page_size(), MADV_DONTNEED);
		});

		next_of<Remove>(world.context);
		const auto progress = world.context.zeropage(world.memory.range(1, 1));
		CHECK_FALSE(progress.error);
		CHECK(dropping.get() == 0);
		auto again = in_thread([&] {
			return ::madvise(world.memory.page(1), page_size(), MADV_DONTNEED);
		});
		next_of<Remove>(world.context);
		CHECK(again.get() == 0);
	}
}

TEST_CASE("page operations are refused at once while another context's event is unread",
	  "[event][changing]")
{
	Memory memory(4);
	const World first(1, Features::EventUnmap), second(1, Features::EventUnmap);

	take(first.context.register_range(memory.range(0, 2), Modes::Missing));
	take(second.context.register_range(memory.range(2, 2), Modes::Missing));
	WaitingCall unmapping(first.context, SYS_munmap, [&] {
		memory.unmap(0, 4);
		return 0;
	});
	CHECK(second.context.zeropage(second.memory.range()).error.value() == EAGAIN);
	if (backend_under_test() == Backend::module) {
		/* Natively the second event is reported only after the first was read. */
		next_of<Unmap>(second.context);
		CHECK(second.context.zeropage(second.memory.range()).error.value() == EAGAIN);
		next_of<Unmap>(first.context);
	} else {
		next_of<Unmap>(first.context);
		next_of<Unmap>(second.context);
	}
	CHECK(unmapping.result() == 0);
	CHECK(second.context.zeropage(second.memory.range()));
	CHECK(first.context.zeropage(first.memory.range()));
}

TEST_CASE("page operations are refused at once while the event of what a move replaces is unread",
	  "[event][changing]")
{
	World moved(2, Features::EventRemap);
	World replaced(2, Features::EventUnmap);
	const Memory elsewhere(1);

	take(moved.context.register_range(elsewhere.range(), Modes::Missing));
	WaitingCall moving(replaced.context, SYS_mremap,
			   [&] { return move(moved.memory, 2, replaced.memory, 2); });
	CHECK(moved.context.zeropage(elsewhere.range()).error.value() == EAGAIN);
	next_of<Unmap>(replaced.context);
	next_of<Remap>(moved.context);
	CHECK(moving.result() == 0);
	CHECK(moved.context.zeropage(elsewhere.range()));
	moved.region.release();
	replaced.region.release();
}

/* Natively mremap() waits for the new pages, which can't be filled before it reports the move. */
TEST_CASE("locked memory can grow as it moves", "[event][changing][module]")
{
	World world(2, Features::EventRemap);
	Memory target(4);

	for (std::size_t i = 0; i < 2; i++)
		world.fill(i);
	checked(::mlock(world.memory.page(0), 2 * page_size()));
	WaitingCall moving(world.context, SYS_mremap,
			   [&] { return move(world.memory, 2, target, 4); });
	next_of<Remap>(world.context);
	CHECK(moving.result() == 0);
	CHECK_FALSE(is_readable(world.context));
	CHECK(has_pattern(target.bytes(0, 1), 0));
	CHECK(has_pattern(target.bytes(1, 1), 1));
	CHECK(world.context.zeropage(target.range(2, 2)));
	world.region.release();
}

/* Natively page operations are refused for ever after that, and the context is never freed. */
TEST_CASE("a heap that can't shrink leaves no change pending", "[event][changing][module]")
{
	const Probe probe(Features::EventUnmap);
	const Heap heap(4);

	take(probe.world.context.register_range(heap.range(0, 2), Modes::Missing));
	if (::syscall(462, heap.range(2, 2).start, heap.range(2, 2).length, 0) != 0)
		skip("this kernel can't seal memory"); /* mseal(), since 6.10 */
	CHECK_FALSE(heap.shrink());
	CHECK(count_mappings(heap.range(0, 4)) > 0);
	probe.check();
}

TEST_CASE("a call that fails for lack of memory leaves no change pending",
	  "[event][changing][module]")
{
	constexpr auto features = every_event | Features::EventFork;
	const Failures failures;
	const Probe probe(features);
	const auto &context = probe.world.context;
	const Heap heap(6);
	/*
	 * Reads the events of the calls that succeed, and of the memory that is unmapped at the
	 * end.
	 */
	const Reader reader(context);
	const auto until_none_fails = [&](const std::function<void()> &prepare,
					  const std::function<void()> &call) {
		unsigned failed = 0;

		for (unsigned nth = 1;; nth++) {
			prepare();
			if (!failures.inject(nth, call))
				break;
			failed++;
			CHECK(context.zeropage(probe.world.memory.range()));
			probe.world.memory.drop(0, 1);
		}
		CHECK(failed > 0);
	};

	until_none_fails(
		[&] {
			REQUIRE(heap.grow());
			take(context.register_range(heap.range(0, 2), Modes::Missing));
			take(context.register_range(heap.range(4, 2), Modes::Missing));
		},
		[&] { heap.shrink(); });
	Memory area(4), target(4);
	until_none_fails(
		[&] {
			map_anew(area);
			take(context.register_range(area.range(0, 2), Modes::Missing));
		},
		[&] { ::munmap(area.page(1), 3 * page_size()); });
	until_none_fails(
		[&] {
			map_anew(area);
			take(context.register_range(area.range(), Modes::Missing));
			CHECK(context.zeropage(area.range(0, 1)));
		},
		[&] { move(area, 4, target, 4); });
	until_none_fails([] {},
			 [&] {
				 const auto child = ::fork();

				 if (child == 0)
					 ::_exit(0);
				 if (child > 0)
					 ::waitpid(child, nullptr, 0);
			 });
}
