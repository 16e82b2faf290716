// SPDX-License-Identifier: GPL-2.0-only
/* epoll(7) on a context in the ways of event loops: edge-triggered, exclusive, one-shot, nested. */
#include "harness/known_thread.hpp"
#include "lib/waiting_call.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

class Epoll {
public:
	Epoll() : fd_(static_cast<int>(checked(::epoll_create1(EPOLL_CLOEXEC)))) {}
	Epoll(int watched, std::uint32_t events) : Epoll()
	{
		control(EPOLL_CTL_ADD, watched, events);
	}

	void control(int operation, int watched, std::uint32_t events) const
	{
		epoll_event event{.events = events, .data = {.fd = watched}};

		checked(::epoll_ctl(fd_.get(), operation, watched, &event));
	}

	/* The descriptor that has something to report; -1 if none has by then. */
	int wait(int milliseconds = -1) const
	{
		epoll_event event;

		if (checked(::epoll_wait(fd_.get(), &event, 1, milliseconds)) == 0)
			return -1;
		if (event.events != EPOLLIN)
			give_up("epoll reports something else");
		return event.data.fd;
	}
	bool reports_nothing() const { return wait(0) == -1; }

	int fd() const { return fd_.get(); }

private:
	Fd fd_;
};

/* Threads that each read a page of @world. */
class Readers {
public:
	explicit Readers(const World &world) : world_(world) {}

	/* Lets one more thread fault, on the next page. */
	void add()
	{
		const auto index = threads_.size();

		threads_.push_back(
			in_thread([this, index] { return world_.memory.word(index) + 0; }));
	}
	/* Fills all of their pages, and checks what they have read. */
	void fill()
	{
		for (std::size_t i = 0; i < threads_.size(); i++) {
			world_.fill(i);
			CHECK(threads_[i].get() == pattern_word(i));
		}
	}

private:
	const World &world_;
	std::vector<std::future<std::uint64_t>> threads_;
};

/* Threads that each wait, in an epoll of its own, for the next fault of a context. */
class ExclusiveWaiters {
public:
	explicit ExclusiveWaiters(const Context &context)
	{
		for (std::size_t i = 0; i < count; i++)
			waiters_.emplace_back([fd = context.fd()] {
				const Epoll epoll(fd, EPOLLIN | EPOLLEXCLUSIVE);
				return epoll.wait() == fd;
			});
		wait_until("all wait", [&] { return asleep() == count; });
	}

	/* How many of them sleep: one that was woken doesn't, even if it has not run yet. */
	std::size_t asleep() const
	{
		return std::ranges::count_if(waiters_, [](const auto &waiter) {
			return waiter.sleeps_in(SYS_epoll_wait);
		});
	}
	bool all_woken_by_context()
	{
		return std::ranges::all_of(waiters_, [](auto &each) { return each.get(); });
	}

	static constexpr std::size_t count = 4;

private:
	std::vector<KnownThread<bool>> waiters_;
};

constexpr std::uint32_t edge_or_exclusive[] = {EPOLLET, EPOLLEXCLUSIVE, EPOLLET | EPOLLEXCLUSIVE};

/* Reads and answers faults until @stop can be read. Other monitors may read them first. */
std::size_t serve_until(int stop, const World &world, std::uint32_t events)
{
	const Epoll epoll(world.context.fd(), events);
	std::size_t told = 0;

	epoll.control(EPOLL_CTL_ADD, stop, EPOLLIN);
	while (epoll.wait() != stop)
		while (auto message = take(world.context.read())) {
			world.fill(world.memory.index_of(std::get<Fault>(*message).address));
			told++;
		}
	return told;
}

} // namespace

TEST_CASE("edge-triggered epoll reports every fault once, even if the one before is unread",
	  "[epoll][smp]")
{
	const World world(3);
	const Epoll epoll(world.context.fd(), EPOLLIN | EPOLLET);
	Readers readers(world);

	CHECK(epoll.reports_nothing());
	for (std::size_t i = 0; i < 3; i++) {
		readers.add();
		CHECK(epoll.wait() == world.context.fd());
		wait_for_sleepers(world.context, i + 1);
		CHECK(epoll.reports_nothing());
	}
	for (std::size_t i = 0; i < 3; i++)
		next_fault(world.context);
	CHECK(epoll.reports_nothing());
	readers.fill();
	CHECK(epoll.reports_nothing());
}

TEST_CASE("edge-triggered epoll reports a fault again whose waiter was woken too early",
	  "[epoll][smp]")
{
	const World world(1);
	const Epoll epoll(world.context.fd(), EPOLLIN | EPOLLET);
	Readers readers(world);

	readers.add();
	for (unsigned i = 0; i < 3; i++) {
		CHECK(epoll.wait() == world.context.fd());
		next_fault(world.context);
		take(world.context.wake(world.memory.range()));
	}
	CHECK(epoll.wait() == world.context.fd());
	readers.fill();
}

TEST_CASE("edge-triggered epoll reports a fault that came before the context was added",
	  "[epoll][smp]")
{
	const World world(1);
	Readers readers(world);

	readers.add();
	wait_for_pending(world.context, 1);
	const Epoll epoll(world.context.fd(), EPOLLIN | EPOLLET);
	CHECK(epoll.wait() == world.context.fd());
	CHECK(epoll.reports_nothing());
	/* Setting it anew reports again what is still unread. */
	epoll.control(EPOLL_CTL_MOD, world.context.fd(), EPOLLIN | EPOLLET);
	CHECK(epoll.wait() == world.context.fd());
	readers.fill();
}

TEST_CASE("edge-triggered epoll reports the event of a change", "[epoll][event][smp]")
{
	const World world(2, Features::EventRemove);
	const Epoll epoll(world.context.fd(), EPOLLIN | EPOLLET);

	for (std::size_t i = 0; i < 2; i++) {
		WaitingCall dropping(world.context, SYS_madvise, [&] {
			return ::madvise(world.memory.page(i), page_size(), MADV_DONTNEED);
		});
		CHECK(epoll.wait() == world.context.fd());
		CHECK(epoll.reports_nothing());
		CHECK(next_of<Remove>(world.context).range == world.memory.range(i, 1));
		CHECK(dropping.result() == 0);
	}
	CHECK(epoll.reports_nothing());
}

TEST_CASE("each fault wakes one of the threads that wait in exclusive epolls", "[epoll][smp]")
{
	const World world(ExclusiveWaiters::count);
	ExclusiveWaiters waiters(world.context);
	Readers readers(world);

	for (std::size_t i = 1; i <= ExclusiveWaiters::count; i++) {
		readers.add();
		wait_for_sleepers(world.context, i); /* whoever is to wake up is awake by then */
		CHECK(waiters.asleep() == ExclusiveWaiters::count - i);
	}
	CHECK(waiters.all_woken_by_context());
	readers.fill();
}

TEST_CASE("monitors with edge-triggered or exclusive epolls miss no fault", "[epoll][smp]")
{
	for (const auto way : edge_or_exclusive) {
		constexpr std::size_t pages = 128;
		const World world(pages);
		const Fd stop(static_cast<int>(checked(::eventfd(0, EFD_CLOEXEC))));
		std::vector<std::future<std::size_t>> monitors, readers;
		std::size_t told = 0;

		for (unsigned i = 0; i < 3; i++)
			monitors.push_back(in_thread(
				[&] { return serve_until(stop.get(), world, EPOLLIN | way); }));
		/* No two of them read the same page: a page that is there can't be filled again. */
		for (std::size_t i = 0; i < 4; i++)
			readers.push_back(in_thread([&, i] {
				std::size_t right = 0;
				for (auto n = i; n < pages; n += 4)
					right += world.memory.word(n) == pattern_word(n);
				return right;
			}));
		INFO("events " << way);
		for (auto &reader : readers)
			CHECK(reader.get() == pages / 4);
		checked(::eventfd_write(stop.get(), 1));
		for (auto &monitor : monitors)
			told += monitor.get();
		CHECK(told == pages);
	}
}

TEST_CASE("one-shot epoll reports the next fault only after it is armed again", "[epoll][smp]")
{
	const World world(2);
	const Epoll epoll(world.context.fd(), EPOLLIN | EPOLLONESHOT);
	Readers readers(world);

	readers.add();
	CHECK(epoll.wait() == world.context.fd());
	next_fault(world.context);
	readers.add();
	wait_for_sleepers(world.context, 2);
	CHECK(epoll.reports_nothing());
	epoll.control(EPOLL_CTL_MOD, world.context.fd(), EPOLLIN | EPOLLONESHOT);
	CHECK(epoll.wait() == world.context.fd());
	CHECK(epoll.reports_nothing());
	readers.fill();
}

TEST_CASE("an epoll that watches an epoll reports faults", "[epoll][smp]")
{
	const World world(1);
	const Epoll inner(world.context.fd(), EPOLLIN), outer(inner.fd(), EPOLLIN);
	pollfd poll{outer.fd(), POLLIN, 0};
	Readers readers(world);

	CHECK(outer.reports_nothing());
	readers.add();
	CHECK(::poll(&poll, 1, -1) == 1);
	CHECK(outer.wait() == inner.fd());
	CHECK(inner.wait() == world.context.fd());
	next_fault(world.context);
	CHECK(outer.reports_nothing());
	readers.fill();
}

TEST_CASE("a context that is closed is gone from the epoll that a thread waits in", "[epoll][smp]")
{
	const Epoll epoll;
	const Fd other(static_cast<int>(checked(::eventfd(0, EFD_CLOEXEC))));

	epoll.control(EPOLL_CTL_ADD, other.get(), EPOLLIN);
	KnownThread monitor([&] { return epoll.wait(); });
	for (const std::uint32_t way : {0u, static_cast<std::uint32_t>(EPOLLET)}) {
		World world(1);
		epoll.control(EPOLL_CTL_ADD, world.context.fd(), EPOLLIN | way);
		wait_until("it waits", [&] { return monitor.sleeps_in(SYS_epoll_wait); });
		world.region.release();
		static_cast<void>(Fd(world.context.release()));
	}
	CHECK_FALSE(monitor.is_done());
	checked(::eventfd_write(other.get(), 1));
	CHECK(monitor.get() == other.get());
}
