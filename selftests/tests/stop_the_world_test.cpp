// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runtimes that stop all their threads by a signal, some of which wait for pages: to collect
 * garbage (Go, by SIGURG), or to replace the memory that the threads use.
 */
#include "harness/known_thread.hpp"
#include "lib/monitor.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <memory>
#include <random>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/* The threads of a process; a signal keeps them in its handler as long as the world is stopped. */
class StoppableThreads {
public:
	using Work = std::function<void(std::size_t number)>;

	StoppableThreads(std::size_t count, int signal, Work work)
		: signal_(signal), work_(std::move(work))
	{
		struct sigaction action = {};

		stopped = held = 0;
		action.sa_handler = hold;
		action.sa_flags = SA_RESTART;
		checked(::sigaction(signal, &action, nullptr));
		for (std::size_t i = 0; i < count; i++)
			threads_.emplace_back([this, i] { work_(i); });
	}

	pid_t id(std::size_t number) const { return threads_[number].id(); }

	/* All threads, or those of them for which @stops is true, are in the handler after that. */
	template <class Stops> void stop_world(Stops &&stops)
	{
		std::size_t count = 0;

		stopped = true;
		for (std::size_t i = 0; i < threads_.size(); i++)
			count += signal_one(i) && stops(i);
		wait_until("the threads are in their handlers", [&] { return held == count; });
	}
	void stop_world()
	{
		stop_world([](std::size_t) { return true; });
	}
	void start_world() const
	{
		stopped = false;
		wait_until("the threads have left their handlers", [] { return held == 0; });
	}

	/* False if the thread has ended. */
	bool signal_one(std::size_t number) const
	{
		return !threads_[number].is_done() &&
		       ::syscall(SYS_tgkill, ::getpid(), id(number), signal_) == 0;
	}
	bool are_done() const
	{
		return std::ranges::all_of(threads_,
					   [](const auto &thread) { return thread.is_done(); });
	}

private:
	static void hold(int)
	{
		held++;
		while (stopped)
			::sched_yield();
		held--;
	}

	static inline std::atomic<bool> stopped;
	static inline std::atomic<std::size_t> held;

	const int signal_;
	const Work work_;
	std::vector<KnownThread<void>> threads_;
};

/* How a thread comes to wait for a page. */
enum class Access { read, write, populate_read, populate_write };

void populate(const Memory &memory, std::size_t index, int advice)
{
	/* By a system call in which the thread waits, as a runtime takes it for stopped there. */
	if (::madvise(memory.page(index), page_size(), advice))
		give_up("a page can't be populated");
}

void access(const Memory &memory, std::size_t index, Access how)
{
	if (how == Access::populate_read)
		populate(memory, index, MADV_POPULATE_READ);
	if (how == Access::populate_write)
		populate(memory, index, MADV_POPULATE_WRITE);
	if (how == Access::write || how == Access::populate_write)
		*(&memory.word(index) + 1) = index;
	if (memory.word(index) != pattern_word(index))
		give_up("a page is wrong");
}

/* Fills the page of a fault, or wakes its waiters if it is there already. */
void answer(const Context &context, const Memory &memory, const Fault &fault)
{
	const auto index = memory.index_of(fault.address);
	const auto page = patterned(1, index);
	const auto progress = context.copy(memory.address(index), page.bytes(0, 1));

	if (progress)
		return;
	if (progress.error != std::errc::file_exists)
		give_up("copy: " + progress.error.message());
	take(context.wake(memory.range(index, 1)));
}

constexpr std::array accesses{Access::read, Access::write, Access::populate_read,
			      Access::populate_write};

bool is_in_user_code(std::size_t number)
{
	return accesses[number] == Access::read || accesses[number] == Access::write;
}

} // namespace

TEST_CASE("the world is stopped again and again while its threads wait for pages",
	  "[stop_the_world][smp]")
{
	constexpr std::size_t pages_each = 8;
	const World world(accesses.size() * pages_each);
	StoppableThreads threads(accesses.size(), SIGURG, [&](std::size_t number) {
		for (std::size_t i = 0; i < pages_each; i++)
			access(world.memory, number * pages_each + i, accesses[number]);
	});

	/* Nobody fills a page: threads that populate wait in their system call, signal or not. */
	wait_for_waiters(world.context, accesses.size());
	for (unsigned i = 0; i < repeated(10); i++) {
		threads.stop_world(is_in_user_code);
		CHECK(fdinfo(world.context.fd()).total == accesses.size() / 2);
		threads.start_world();
	}
	CHECK_FALSE(threads.are_done());

	const Monitor monitor(world.context, [&](const Fault &fault) {
		answer(world.context, world.memory, fault);
	});
	wait_until("all threads are done", [&] {
		for (std::size_t i = 0; i < accesses.size(); i++)
			threads.signal_one(i);
		return threads.are_done();
	});
	CHECK(monitor.told() >= world.memory.pages());
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("memory is replaced while its threads are stopped, and none sees it before it is filled",
	  "[stop_the_world][smp]")
{
	constexpr std::size_t pages = 16;
	const World world(pages);
	const auto &[memory, context, region] = world;
	std::atomic<bool> ended = false;
	StoppableThreads threads(4, SIGRTMIN + 3, [&](std::size_t number) {
		std::minstd_rand random(static_cast<unsigned>(number) + 1);
		while (!ended)
			access(memory, random() % pages,
			       random() & 1 ? Access::read : Access::write);
	});

	for (unsigned i = 0; i < repeated(20); i++) {
		/* Not all pages: some thread comes to wait for one of the others. */
		for (std::size_t n = 0; n < pages / 2; n++)
			answer(context, memory, next_fault(context));
		threads.stop_world();
		CHECK(fdinfo(context.fd()).total == 0);
		take(context.unregister_range(memory.range()));
		REQUIRE(::mmap(memory.page(0), memory.range().length, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory.page(0));
		take(context.register_range(memory.range(), Modes::Missing));
		threads.start_world();
	}
	ended = true;
	wait_until("all threads are done", [&] {
		while (auto message = take(context.read()))
			answer(context, memory, std::get<Fault>(*message));
		return threads.are_done();
	});
	CHECK(fdinfo(context.fd()).total == 0);
}
