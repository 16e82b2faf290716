// SPDX-License-Identifier: GPL-2.0-only
/*
 * A swapper, as virtual machines have: several processes map the guest's memory, one file, each
 * with a context of its own, and one monitor has all contexts. It swaps out by punching holes into
 * the file, and in when a process faults. If several fault on a page, the first gets it by a copy:
 * for the others the page is there already, and they only have to be woken.
 */
#include "lib/consumer.hpp"
#include "lib/files.hpp"
#include "lib/world.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <random>
#include <sys/mman.h>
#include <thread>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t pages = 32, processes = 3;

/* What the processes and the monitor say to each other, in memory that they share. */
struct Board {
	std::atomic<bool> stopping = false, ended = false;
	std::atomic<std::size_t> resting = 0;
	std::atomic<std::uint64_t> updates = 0;
};

std::atomic<std::uint64_t> &counter(const Memory &memory, std::size_t index)
{
	return *reinterpret_cast<std::atomic<std::uint64_t> *>(memory.page(index));
}

/* Counts up on pages at random until the end, and rests when it is asked to. */
int update(const Memory &memory, Board &board, unsigned seed)
{
	std::minstd_rand random(seed);

	while (!board.ended) {
		if (board.stopping) {
			board.resting++;
			while (board.stopping)
				std::this_thread::yield();
			board.resting--;
			continue; /* it may have to rest again */
		}
		counter(memory, random() % pages)++;
		board.updates++;
	}
	return 0;
}

class Swapper {
public:
	Swapper() : file_(shmem_file(pages)), view_(pages, file_, MAP_SHARED), store_(pages)
	{
		for (std::size_t i = 0; i < pages; i++)
			counter(view_, i) = 0; /* the file has all its pages */
		for (auto &process : processes_) {
			Memory memory(pages, file_, MAP_SHARED);
			const auto seed = static_cast<unsigned>(&process - processes_.data()) + 1;
			process = std::make_unique<Consumer>(
				std::move(memory), options_for(Features::MissingShmem),
				[this, seed](const Memory &its) {
					return update(its, board(), seed);
				});
		}
	}

	/* Lets the processes run until they have made so many updates more. */
	void run(std::uint64_t updates)
	{
		const auto enough = board().updates + updates;

		board().stopping = false;
		wait_until("the processes get on", [&] {
			serve();
			return board().updates >= enough;
		});
	}
	/* They make no update, and wait for no page. */
	void rest()
	{
		board().stopping = true;
		wait_until("all processes rest", [&] {
			serve();
			return board().resting == processes;
		});
	}

	void swap_out() const
	{
		std::memcpy(store_.page(0), view_.page(0), view_.range().length);
		checked(::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				    static_cast<off_t>(view_.range().length)));
	}
	/* The pages that no process has touched since. */
	void swap_all_in()
	{
		for (std::size_t i = 0; i < pages; i++)
			swap_in(*processes_[i % processes], i);
	}

	/* How many of the processes have failed. */
	std::size_t end()
	{
		std::size_t failed = 0;

		board().ended = true;
		board().stopping = false;
		for (auto &process : processes_)
			failed += process->process.wait() != 0;
		return failed;
	}

	std::uint64_t updates() { return board().updates; }
	std::uint64_t updates_in_file() const
	{
		std::uint64_t sum = 0;

		for (std::size_t i = 0; i < pages; i++)
			sum += counter(view_, i);
		return sum;
	}
	std::size_t told() const { return told_; }

private:
	Board &board() { return *reinterpret_cast<Board *>(shared_.page(0)); }

	/* Answers the faults of all processes that wait now. */
	void serve()
	{
		std::array<pollfd, processes> fds;

		for (std::size_t i = 0; i < processes; i++)
			fds[i] = {processes_[i]->context.fd(), POLLIN, 0};
		while (checked(::poll(fds.data(), fds.size(), 0)) > 0)
			for (std::size_t i = 0; i < processes; i++)
				if (fds[i].revents)
					answer(*processes_[i]);
	}
	void answer(const Consumer &process)
	{
		const auto fault = next_fault(process.context);

		told_++;
		swap_in(process, process.memory.index_of(fault.address));
	}

	void swap_in(const Consumer &process, std::size_t index) const
	{
		const auto progress =
			process.context.copy(process.memory.address(index), store_.bytes(index, 1));

		if (progress)
			return;
		if (progress.error != std::errc::file_exists)
			give_up("copy: " + progress.error.message());
		take(process.context.wake(process.memory.range(index, 1)));
	}

	const Memory shared_{1, MemoryKind::shared_anonymous};
	const Fd file_;
	const Memory view_, store_;
	std::array<std::unique_ptr<Consumer>, processes> processes_;
	std::size_t told_ = 0;
};

} // namespace

TEST_CASE("processes that share a swapped file lose no update", "[swapper][shmem][smp]")
{
	Swapper swapper;
	const auto rounds = repeated(12);

	for (unsigned i = 0; i < rounds; i++) {
		swapper.run(50);
		swapper.rest();
		swapper.swap_all_in();
		swapper.swap_out();
	}
	swapper.run(50);
	swapper.rest();
	swapper.swap_all_in();
	CHECK(swapper.end() == 0);
	CHECK(swapper.told() >= rounds);
	CHECK(swapper.updates() >= 50 * rounds);
	CHECK(swapper.updates_in_file() == swapper.updates());
}
