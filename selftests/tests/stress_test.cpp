// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once. The amount of work is fixed, not the time. The tests check that every page
 * that a thread sees was filled, that no thread waits for ever, and that the kernel's log has no
 * complaint.
 */
#include "lib/consumer.hpp"
#include "lib/monitor.hpp"
#include "lib/world.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <poll.h>
#include <pthread.h>
#include <random>
#include <sys/mman.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

using Random = std::minstd_rand;

/* The errors that a monitor meets when mappings change under it. */
bool is_a_lost_race(std::error_code error)
{
	return error == std::errc::file_exists || error == std::errc::no_such_file_or_directory ||
	       error == std::errc::resource_unavailable_try_again ||
	       error == std::errc::no_such_process;
}

/* Fills the page of a fault; if it is too late for that, makes the thread try again. */
Monitor::Answer filling_if_possible(const Context &context, const Memory &memory)
{
	return [&](const Fault &fault) {
		const auto index = memory.index_of(fault.address);
		std::vector<std::byte> page(page_size());
		write_pattern(page, index);
		const auto progress = context.copy(memory.address(index), page);
		if (progress)
			return;
		if (!is_a_lost_race(progress.error))
			give_up("copy: " + progress.error.message());
		take(context.wake(memory.range(index, 1)));
	};
}

thread_local sigjmp_buf after_segv;

/* Lets word_if_mapped() see a SIGSEGV, from any thread. */
void catch_segv()
{
	struct sigaction action = {};

	action.sa_handler = [](int) { siglongjmp(after_segv, 1); };
	checked(::sigaction(SIGSEGV, &action, nullptr));
}

/* The first word of a page; nothing if no memory is mapped there, or none that can be read. */
std::optional<std::uint64_t> word_if_mapped(const Memory &memory, std::size_t index)
{
	if (sigsetjmp(after_segv, 1))
		return std::nullopt;
	return memory.word(index);
}

/* Checks that a page has its pattern, or zeroes. */
void check_word(std::optional<std::uint64_t> word, std::size_t index)
{
	if (word && *word && *word != pattern_word(index))
		give_up("page " + std::to_string(index) + " is wrong");
}

/* Threads that read pages at random as long as this lives. */
class Readers {
public:
	Readers(const Memory &memory, std::size_t count)
	{
		for (std::size_t i = 0; i < count; i++)
			threads_.push_back(in_thread([this, &memory, i] { read(memory, i); }));
	}

	~Readers() { join(); }

	std::size_t pages_read() const { return pages_read_; }

	void stop() { stopping_ = true; }

	bool are_done() const
	{
		return std::all_of(threads_.begin(), threads_.end(),
				   [](const auto &thread) { return is_done(thread); });
	}

	void join()
	{
		stop();
		for (auto &thread : threads_)
			if (thread.valid())
				thread.get();
	}

private:
	void read(const Memory &memory, std::size_t seed)
	{
		Random random(static_cast<unsigned>(seed + 1));

		while (!stopping_) {
			const std::size_t index = random() % memory.pages();
			check_word(word_if_mapped(memory, index), index);
			pages_read_++;
		}
	}

	std::atomic<bool> stopping_ = false;
	std::atomic<std::size_t> pages_read_ = 0;
	std::vector<std::future<void>> threads_;
};

/* Readers stop only when the faults in which they wait are answered. */
void stop(Readers &readers, const Context &context, const Memory &memory)
{
	readers.stop();
	wait_until("the readers have stopped", [&] {
		take(context.wake(memory.range()));
		return readers.are_done();
	});
}

void map_anew(const Context &context, const Memory &memory, std::size_t first, std::size_t count)
{
	if (::mmap(memory.page(first), count * page_size(), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		give_up("mmap");
	take(context.register_range(memory.range(first, count), Modes::Missing));
}

void move_away(Range range, const Memory &to)
{
	auto *start = reinterpret_cast<void *>(range.start);
	const void *moved = ::mremap(start, range.length, range.length,
				     MREMAP_MAYMOVE | MREMAP_FIXED, to.page(0));

	/*
	 * EFAULT: it is several mappings, which couldn't merge because they have been written to.
	 */
	if (moved == MAP_FAILED && errno != EFAULT)
		give_up("mremap: " + std::string(std::strerror(errno)));
}

/* One change of the mappings, after which all of the memory is registered again. */
void change_mappings(const Context &context, const Memory &memory, const Memory &scratch,
		     unsigned kind, std::size_t first, std::size_t count)
{
	auto *start = memory.page(first);
	const auto length = count * page_size();

	switch (kind) {
	case 0:
		checked(::madvise(start, length, MADV_DONTNEED));
		break;
	case 1:
		map_anew(context, memory, first, count);
		break;
	case 2:
		move_away(memory.range(first, count), scratch);
		map_anew(context, memory, first, count);
		break;
	case 3:
		checked(::mprotect(start, length, PROT_NONE));
		checked(::mprotect(start, length, PROT_READ | PROT_WRITE));
		break;
	case 4:
		take(context.unregister_range(memory.range(first, count)));
		take(context.register_range(memory.range(first, count), Modes::Missing));
		break;
	default:
		Process([&] {
			check_word(word_if_mapped(memory, first), first);
			return 0;
		}).wait();
		break;
	}
}

} // namespace

TEST_CASE("mappings change under faults in every way at once", "[stress][slow][smp]")
{
	const std::size_t pages = 64, most = 16;
	const World world(pages);
	const Memory scratch(most);
	Random random(1);

	catch_segv();
	const Monitor monitor(world.context, filling_if_possible(world.context, world.memory));
	Readers readers(world.memory, 4);
	for (unsigned i = 0; i < repeated(90); i++) {
		const std::size_t count = 1 + random() % most;
		change_mappings(world.context, world.memory, scratch, i % 6,
				random() % (pages - count), count);
		/* A thread that waits where there is another mapping now has to try again. */
		take(world.context.wake(world.memory.range()));
	}
	stop(readers, world.context, world.memory);
	CHECK(readers.pages_read() > 0);
	CHECK(monitor.told() > 0);
	CHECK(fdinfo(world.context.fd()).total == 0);
}

namespace {

/*
 * How many threads may fault while a context is being closed. The kernel retries a fault on such a
 * context at once, and native userfaultfd does not give up the processor in between: as many
 * readers as there are processors would keep the closing thread from ever running. The module gives
 * way, so it has to stand more readers.
 */
std::size_t readers_under_closing()
{
	const std::size_t processors = std::thread::hardware_concurrency();

	if (backend_under_test() == Backend::module)
		return processors + 2;
	if (processors < 2)
		skip("closing a context under a faulting thread needs two processors");
	return processors - 1;
}

} // namespace

TEST_CASE("contexts come and go under threads that fault", "[stress][smp]")
{
	const std::size_t pages = 16;
	const Memory memory(pages);
	Random random(2);
	std::size_t told = 0;

	catch_segv();
	const Readers readers(memory, readers_under_closing());
	for (unsigned i = 0; i < repeated(100); i++) {
		const auto context = open_context();
		take(context.register_range(memory.range(), Modes::Missing));
		checked(::madvise(memory.page(0), pages * page_size(), MADV_DONTNEED));
		const auto answer = filling_if_possible(context, memory);
		for (unsigned n = random() % 6; n > 0; n--) {
			/* There is none if the readers have seen all pages already. */
			if (!take(context.poll(std::chrono::milliseconds(1))))
				break;
			answer(next_fault(context));
			told++;
		}
	}
	CHECK(told > 0);
	CHECK(readers.pages_read() > 0);
}

TEST_CASE("many threads and several monitors share a context", "[stress][smp]")
{
	const std::size_t pages = 512;
	const World world(pages);
	const auto answer = filling_if_possible(world.context, world.memory);
	const Monitor first(world.context, answer), second(world.context, answer),
		third(world.context, answer);
	std::vector<std::future<std::size_t>> readers;

	for (std::size_t t = 0; t < 16; t++)
		readers.push_back(in_thread([&, t] {
			std::size_t right = 0;
			for (std::size_t n = 0; n < pages; n++) {
				const auto index = (n * 5 + t * 97) % pages;
				right += world.memory.word(index) == pattern_word(index);
			}
			return right;
		}));
	for (auto &reader : readers)
		CHECK(reader.get() == pages);
	CHECK(first.told() + second.told() + third.told() >= pages);
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("monitors that each take one fault miss none", "[stress][smp]")
{
	/*
	 * A reader that joins the queue while faults come in may be woken for one fault and take
	 * another: then a third reader has to be woken.
	 */
	const std::size_t crew = 3;
	auto options = options_for();
	options.nonblocking = false;
	const World world(crew, options);
	std::array<std::future<void>, 2 * crew> threads;

	for (unsigned round = 0; round < repeated(32); round++) {
		std::atomic<std::size_t> ready = 0;
		const auto meet = [&ready] {
			for (ready++; ready < 2 * crew;)
				std::this_thread::yield();
		};
		for (std::size_t i = 0; i < crew; i++) {
			threads[2 * i] = in_thread([&] {
				meet();
				const auto fault = next_fault(world.context);
				world.fill(world.memory.index_of(fault.address));
			});
			threads[2 * i + 1] = in_thread([&, i] {
				meet();
				check_word(world.memory.word(i), i);
			});
		}
		for (auto &thread : threads)
			thread.get();
		checked(::madvise(world.memory.page(0), crew * page_size(), MADV_DONTNEED));
	}
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("one thread serves many contexts", "[stress][smp]")
{
	const std::size_t count = 48, pages = 8;
	std::vector<std::unique_ptr<World>> worlds;
	std::vector<pollfd> fds;
	std::vector<std::future<std::size_t>> readers;

	for (std::size_t i = 0; i < count; i++) {
		worlds.push_back(std::make_unique<World>(pages));
		fds.push_back({worlds[i]->context.fd(), POLLIN, 0});
		readers.push_back(
			in_thread([&world = *worlds[i]] { return count_patterned(world.memory); }));
	}
	for (std::size_t served = 0; served < count * pages;) {
		checked(::poll(fds.data(), fds.size(), -1));
		for (std::size_t i = 0; i < count; i++) {
			if (!(fds[i].revents & POLLIN))
				continue;
			const auto &world = *worlds[i];
			world.fill(world.memory.index_of(next_fault(world.context).address));
			served++;
		}
	}
	for (auto &reader : readers)
		CHECK(reader.get() == pages);
}

TEST_CASE("each page is filled by one of many that try", "[stress][smp]")
{
	const std::size_t pages = 256, fillers = 4;
	const World world(pages);
	std::vector<Memory> sources;
	std::vector<std::future<std::size_t>> filled;
	std::atomic<std::size_t> ready = 0;
	std::size_t sum = 0;

	for (std::size_t f = 0; f < fillers; f++)
		sources.push_back(patterned(pages, 1000 * f));
	for (std::size_t f = 0; f < fillers; f++)
		filled.push_back(in_thread([&, f] {
			std::size_t done = 0;
			for (ready++; ready < fillers;)
				std::this_thread::yield();
			for (std::size_t i = 0; i < pages; i++) {
				const auto progress = world.context.copy(world.memory.address(i),
									 sources[f].bytes(i, 1));
				if (!progress && progress.error != std::errc::file_exists)
					give_up(progress.error.message());
				done += progress.done / page_size();
			}
			return done;
		}));
	for (auto &each : filled)
		sum += each.get();
	CHECK(sum == pages);
	for (std::size_t i = 0; i < pages; i++) {
		std::size_t owners = 0;
		for (std::size_t f = 0; f < fillers; f++)
			owners += has_pattern(world.memory.bytes(i, 1), 1000 * f + i);
		CHECK(owners == 1);
	}
}

TEST_CASE("large copies meet in the middle", "[stress][smp]")
{
	const std::size_t pages = 1024;
	const World world(pages);
	const auto source = patterned(pages);
	std::atomic<std::size_t> ready = 0;
	const auto fill_chunks = [&](bool forwards) {
		const std::size_t chunk = 64, chunks = pages / chunk;
		std::size_t done = 0;
		for (ready++; ready < 2;)
			std::this_thread::yield();
		for (std::size_t n = 0; n < chunks; n++) {
			const auto first = (forwards ? n : chunks - 1 - n) * chunk;
			const auto progress = world.context.copy(world.memory.address(first),
								 source.bytes(first, chunk));
			if (!progress && !is_a_lost_race(progress.error))
				give_up(progress.error.message());
			done += progress.done / page_size();
		}
		return done;
	};
	auto up = in_thread([&] { return fill_chunks(true); });
	auto down = in_thread([&] { return fill_chunks(false); });

	CHECK(up.get() + down.get() <= pages);
	/* Where they met, each may have left pages to the other: these are still missing. */
	for (std::size_t i = 0; i < pages; i++)
		world.context.copy(world.memory.address(i), source.bytes(i, 1));
	CHECK(count_patterned(world.memory) == pages);
}

TEST_CASE("signals rain on threads that wait", "[stress][smp]")
{
	const std::size_t pages = 64;
	const World world(pages);
	std::atomic<bool> done = false;
	struct sigaction action = {};

	action.sa_handler = [](int) {};
	checked(::sigaction(SIGUSR1, &action, nullptr));
	const Monitor monitor(world.context, filling_if_possible(world.context, world.memory));
	const auto reader = ::pthread_self();
	auto rain = in_thread([&] {
		while (!done) {
			::pthread_kill(reader, SIGUSR1);
			std::this_thread::sleep_for(std::chrono::microseconds(100));
		}
	});
	const auto right = count_patterned(world.memory);
	done = true;
	rain.get();
	CHECK(right == pages);
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("processes are killed while they fault", "[stress][slow][smp]")
{
	const std::size_t pages = 256;

	for (std::size_t faults = 0; faults < 40; faults += 3) {
		Consumer victim(pages, [](const Memory &memory) {
			std::vector<std::future<std::size_t>> readers;
			for (unsigned t = 0; t < 4; t++)
				readers.push_back(
					in_thread([&] { return count_patterned(memory); }));
			return 0;
		});
		const auto answer = filling_if_possible(victim.context, victim.memory);

		for (std::size_t n = 0; n < faults; n++)
			answer(next_fault(victim.context));
		victim.process.signal(SIGKILL);
		CHECK(victim.process.wait() == Process::killed + SIGKILL);
		CHECK(fdinfo(victim.context.fd()).total == 0);
	}
}

TEST_CASE("pages are dropped and filled again while they are read", "[stress][smp]")
{
	const std::size_t pages = 8;
	const World world(pages);
	std::atomic<bool> done = false;

	catch_segv();
	const Monitor monitor(world.context, filling_if_possible(world.context, world.memory));
	auto dropper = in_thread([&] {
		Random random(3);
		while (!done)
			checked(::madvise(world.memory.page(random() % pages), page_size(),
					  MADV_DONTNEED));
	});
	for (std::size_t n = 0; n < repeated(2000); n++)
		check_word(world.memory.word(n % pages), n % pages);
	done = true;
	dropper.get();
	CHECK(monitor.told() >= pages);
}
