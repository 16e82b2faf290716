// SPDX-License-Identifier: GPL-2.0-only
/*
 * A compacting garbage collector, in the way of Android's: each cycle moves the heap away by
 * mremap(MREMAP_DONTUNMAP), and registers what it leaves behind. The first thread to touch a page
 * of it, a mutator in its handler of SIGBUS or the collector, makes the page from the old one.
 */
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <random>
#include <span>
#include <sys/mman.h>
#include <system_error>
#include <thread>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t objects = 32; /* a page each */

/* What is at the start of each page of the heap. */
struct Object {
	std::uint32_t index;
	std::atomic<std::uint32_t> cycle; /* in which its page was made */
	std::atomic<std::uint64_t> updates;
};

/* How the content of a page gets to its place. */
enum class Way { copy, move };

class Collector {
public:
	static constexpr std::size_t mutators = 2;

	/* By the thread that is to collect. */
	explicit Collector(Way way)
		: way_(way), heap_(objects), old_(objects), buffers_(mutators + 1),
		  context_(open_context(options()))
	{
		struct sigaction action = {};

		for (std::size_t i = 0; i < objects; i++)
			object(i).index = static_cast<std::uint32_t>(i);
		current = this;
		buffer = buffers_.page(mutators);
		action.sa_sigaction = on_sigbus;
		action.sa_flags = SA_SIGINFO | SA_NODEFER;
		checked(::sigaction(SIGBUS, &action, nullptr));
	}

	/* One cycle, with so many mutators running. */
	void collect(std::size_t running)
	{
		stop_world(running);
		flip();
		const auto faults_before = faults();
		stopping_ = false;
		stopping_.notify_all();
		if (running)
			wait_until("a mutator faults", [&] { return faults() > faults_before; });
		for (std::size_t i = objects; i-- > 0;)
			compact(i);
		late_ = true;
		take(context_.unregister_range(heap_.range()));
		old_.drop(0, objects);
	}

	/* Updates objects at random until the end; @number is less than mutators. */
	void mutate(std::size_t number)
	{
		std::minstd_rand random(static_cast<unsigned>(number) + 1);

		buffer = buffers_.page(number);
		while (!ended_) {
			const std::size_t index = random() % objects;
			auto &it = object(index);
			if (it.index != index || it.cycle != cycle_)
				give_up("an object is wrong");
			it.updates++;
			updates_++;
			rest_while_stopping();
		}
	}
	void end() { ended_ = true; }

	/* A process that was forked has to have a context of its own. */
	void renew_context() { context_ = open_context(options()); }

	std::uint64_t updates() const { return updates_; }
	std::uint64_t updates_in_heap() const
	{
		std::uint64_t sum = 0;

		for (std::size_t i = 0; i < objects; i++)
			sum += object(i).updates;
		return sum;
	}
	std::uint64_t faults() const { return faults_; }

private:
	static Options options()
	{
		auto options = options_for(Features::Sigbus);

		options.user_mode_only = true;
		options.nonblocking = false;
		return options;
	}

	Object &object(std::size_t index) const
	{
		return *reinterpret_cast<Object *>(heap_.page(index));
	}

	void stop_world(std::size_t running)
	{
		stopping_ = true;
		wait_until("all mutators rest", [&] { return resting_ == running; });
	}
	void rest_while_stopping()
	{
		while (stopping_) {
			resting_++;
			stopping_.wait(true);
			resting_--; /* the world may be stopping again by now */
		}
	}

	/* The pages become the old ones, and the heap is empty and registered. */
	void flip()
	{
		const auto length = heap_.range().length;
		const auto flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

		if (::mremap(heap_.page(0), length, length, flags, old_.page(0)) != old_.page(0))
			give_up("the heap can't be moved");
		take(context_.register_range(heap_.range(), Modes::Missing));
		late_ = false;
		cycle_++;
	}

	/* Makes a page, unless another thread has. May be called by a signal handler. */
	void compact(std::size_t index)
	{
		auto &its_new = *reinterpret_cast<Object *>(buffer);
		const auto &its_old = *reinterpret_cast<const Object *>(old_.page(index));

		std::memset(buffer, 0, page_size());
		its_new.index = its_old.index;
		its_new.cycle = cycle_.load();
		its_new.updates = its_old.updates.load();
		while (!is_made(install(index, {buffer, page_size()})))
			std::this_thread::yield();
	}

	std::error_code install(std::size_t index, std::span<const std::byte> page) const
	{
		return way_ == Way::copy
			       ? context_.copy(heap_.address(index), page).error
			       : context_.move(heap_.address(index), Range::of(page)).error;
	}

	bool is_made(std::error_code error) const
	{
		if (!error || error == std::errc::file_exists)
			return true;
		/* All pages are there, and the heap is no longer registered. */
		if (late_ && error.value() == (way_ == Way::copy ? ENOENT : EINVAL))
			return true;
		if (error.value() != EAGAIN && error.value() != EBUSY)
			give_up("a page can't be made");
		return false;
	}

	static void on_sigbus(int, siginfo_t *info, void *)
	{
		const auto address = reinterpret_cast<Address>(info->si_addr);

		if (!current->heap_.range().contains(address))
			give_up("SIGBUS outside of the heap");
		current->faults_++;
		current->compact(current->heap_.index_of(address));
	}

	static inline Collector *current;	      /* that the handler belongs to */
	static inline thread_local std::byte *buffer; /* a page in which the thread makes others */

	const Way way_;
	const Memory heap_, old_, buffers_;
	Context context_;
	std::atomic<bool> stopping_ = false, ended_ = false, late_ = false;
	std::atomic<std::size_t> resting_ = 0;
	std::atomic<std::uint32_t> cycle_ = 0;
	std::atomic<std::uint64_t> updates_ = 0, faults_ = 0;
};

void check_collector(Way way)
{
	Collector collector(way);
	std::vector<std::future<void>> threads;

	for (std::size_t i = 0; i < Collector::mutators; i++)
		threads.push_back(in_thread([&, i] { collector.mutate(i); }));
	for (unsigned i = 0; i < repeated(6); i++)
		collector.collect(Collector::mutators);
	collector.end();
	for (auto &thread : threads)
		thread.get();
	CHECK(collector.faults() > 0);
	CHECK(collector.updates() > 0);
	CHECK(collector.updates_in_heap() == collector.updates());

	Process child([&] {
		collector.renew_context();
		for (unsigned i = 0; i < 3; i++)
			collector.collect(0);
		return collector.updates_in_heap() == collector.updates() ? 0 : 1;
	});
	CHECK(child.wait() == 0);
	CHECK(collector.updates_in_heap() == collector.updates());
}

} // namespace

TEST_CASE("a collector loses no update while it makes pages by copies", "[collector][slow][smp]")
{
	check_collector(Way::copy);
}

TEST_CASE("a collector loses no update while it makes pages by moves",
	  "[collector][move][slow][smp]")
{
	need(Features::Move);
	check_collector(Way::move);
}
