// SPDX-License-Identifier: GPL-2.0-only
/*
 * A registration cache, as libraries for remote memory access have: it fills nothing, and only
 * wants to know when memory goes, from the heap, by munmap() or free(). SIGPROF interrupts its
 * monitor.
 */
#include "lib/heap.hpp"
#include "lib/maps.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <variant>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* Sends SIGPROF to the calling thread again and again, as a profiler does, as long as this lives.
 */
class Profiler {
public:
	Profiler()
	{
		struct sigaction action = {};
		struct sigevent event = {};
		const itimerspec often{.it_interval = {0, 1'000'000}, .it_value = {0, 1'000'000}};

		action.sa_handler = [](int) {};
		checked(::sigaction(SIGPROF, &action, nullptr));
		event.sigev_notify = SIGEV_THREAD_ID;
		event.sigev_signo = SIGPROF;
		event._sigev_un._tid = ::gettid();
		checked(::timer_create(CLOCK_MONOTONIC, &event, &timer_));
		checked(::timer_settime(timer_, 0, &often, nullptr));
	}
	~Profiler() { ::timer_delete(timer_); }
	Profiler(const Profiler &) = delete;
	Profiler &operator=(const Profiler &) = delete;

private:
	timer_t timer_;
};

/* A thread that is profiled, and keeps the ranges of the unmappings that it reads, in their order.
 */
class ProfiledMonitor {
public:
	explicit ProfiledMonitor(const Context &context)
		: context_(context), thread_(in_thread([this] { watch(); }))
	{
		wait_until("signals come", [&] { return interrupted_ > 2; });
	}
	/* The next signal lets it see that it is to end. */
	~ProfiledMonitor()
	{
		ending_ = true;
		thread_.get();
	}

	std::vector<Range> unmapped() const
	{
		const std::lock_guard guard(lock_);

		return unmapped_;
	}
	unsigned interrupted() const { return interrupted_; }

private:
	/* Nothing if a signal came first. */
	std::optional<Message> next()
	{
		const auto polled = context_.poll();
		auto message =
			polled || polled.error() == std::errc::invalid_argument
				? context_.read() /* a blocking context waits here */
				: Result<std::optional<Message>>(std::unexpected(polled.error()));

		if (!message && message.error() != std::errc::interrupted)
			give_up(message.error().message());
		interrupted_ += !message;
		return message ? std::move(*message) : std::nullopt;
	}

	void watch()
	{
		const Profiler profiler;

		while (!ending_) {
			const auto message = next();
			if (!message)
				continue;
			if (!std::holds_alternative<Unmap>(*message))
				give_up("the message is of another kind");
			const std::lock_guard guard(lock_);
			unmapped_.push_back(std::get<Unmap>(*message).range);
		}
	}

	const Context &context_;
	mutable std::mutex lock_;
	std::vector<Range> unmapped_;
	std::atomic<bool> ending_ = false;
	std::atomic<unsigned> interrupted_ = 0;
	std::future<void> thread_;
};

/* Uses some memory, registers it, and unmaps it; returns where it was. */
Range use_and_unmap(const Context &context)
{
	Memory memory(8);
	const auto range = memory.range();

	memory.word(0) = 1;
	memory.word(7) = 1;
	take(context.register_range(range, Modes::Missing));
	memory.unmap(0, 8);
	return range;
}

/* The mapping of its own that malloc() has made for so many bytes, its header at the start. */
Range mapping_of(const void *bytes, std::size_t length)
{
	return {page_start(reinterpret_cast<Address>(bytes)), whole_pages(length + 16)};
}

} // namespace

TEST_CASE("a heap that shrinks waits until that is read; what it gets later is not registered",
	  "[registration_cache][event]")
{
	const auto context = open_context(every_event);
	const Heap heap(64);

	heap.page(0)[0] = heap.page(63)[0] = std::byte{1};
	take(context.register_range(heap.range(0, 64), Modes::Missing));
	WaitingCall shrinking(context, SYS_brk, [&] { return heap.shrink(32); });
	CHECK(count_mappings(heap.range(32, 32)) == 0);
	CHECK_FALSE(shrinking.is_over());
	CHECK(next_of<Unmap>(context).range == heap.range(32, 32));
	CHECK(shrinking.result());
	REQUIRE(heap.grow());
	CHECK(heap.page(40)[0] == std::byte{0});
	heap.page(40)[0] = std::byte{1};
	CHECK_FALSE(is_readable(context));
	CHECK(smaps_flag(heap.range(0, 32), "um"));
	CHECK_FALSE(smaps_flag(heap.range(32, 32), "um"));
	take(context.unregister_range(heap.range(0, 32)));
	CHECK(heap.shrink());
}

TEST_CASE("each unmapping is reported once to a monitor that signals interrupt",
	  "[registration_cache][event][smp]")
{
	for (const bool nonblocking : {true, false}) {
		auto options = options_for(Features::EventUnmap);
		options.nonblocking = nonblocking;
		const auto context = open_context(options);
		const Heap heap(16);
		const ProfiledMonitor monitor(context);
		std::vector<Range> expected;
		const auto before = monitor.interrupted();

		for (unsigned i = 0; i < repeated(60); i++) {
			expected.push_back(use_and_unmap(context));
			if (i % 4)
				continue;
			REQUIRE(heap.grow());
			take(context.register_range(heap.range(0, 16), Modes::Missing));
			CHECK(heap.shrink(8));
			expected.push_back(heap.range(8, 8));
			take(context.unregister_range(heap.range(0, 8)));
		}
		INFO("non-blocking: " << nonblocking);
		wait_until("all is reported",
			   [&] { return monitor.unmapped().size() >= expected.size(); });
		CHECK(monitor.unmapped() == expected);
		wait_until("signals came", [&] { return monitor.interrupted() > before; });
		CHECK(heap.shrink());
	}
}

TEST_CASE("free() and realloc() of registered memory are reported",
	  "[registration_cache][event][malloc]")
{
	constexpr std::size_t length = 4 << 20; /* so much has a mapping of its own */
	const auto context = open_context(every_event);
	std::unique_ptr<void, decltype(&std::free)> block(std::malloc(length), &std::free);
	const auto first = mapping_of(block.get(), length);

	take(context.register_range(first, Modes::Missing));
	/* Something after it, so that it has to move. */
	::mmap(reinterpret_cast<void *>(first.end()), page_size(), PROT_NONE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	WaitingCall growing(context, SYS_mremap, [&] {
		block.reset(std::realloc(block.release(), 4 * length));
		return 0;
	});
	const auto moved = next_of<Remap>(context);
	while (!growing.is_over()) /* the old place is reported as unmapped, too */
		if (const auto rest = take(context.read()))
			CHECK(std::holds_alternative<Unmap>(*rest));
	CHECK(growing.result() == 0);
	const auto second = mapping_of(block.get(), 4 * length);
	CHECK(moved.from == first.start);
	CHECK(moved.to == Range{second.start, first.length});
	WaitingCall freeing(context, SYS_munmap, [&] {
		block.reset();
		return 0;
	});
	CHECK(next_of<Unmap>(context).range == second);
	CHECK(freeing.result() == 0);
	CHECK_FALSE(is_readable(context));
}
