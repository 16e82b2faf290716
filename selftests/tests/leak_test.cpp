// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that are repeated many times leave nothing in the kernel: neither memory nor address
 * spaces. Each failing call fails when the kernel has already taken something that it has to give
 * back.
 */
#include "harness/free_memory.hpp"
#include "harness/kmemleak.hpp"
#include "lib/address_spaces.hpp"
#include "lib/files.hpp"
#include "lib/memory.hpp"
#include "lib/process.hpp"
#include "lib/world.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace selftests;
using namespace userfault;

namespace {

constexpr std::size_t noise = 1 << 20;
constexpr std::size_t mm_noise = 16;

/* Does @work @times times, after some times to warm up, and checks what it leaves behind. */
void check_for_leaks(unsigned times, const std::function<void()> &work)
{
	const unsigned warm_up = 1 + times / 10;

	times = repeated(times);

	for (unsigned i = 0; i < warm_up; i++)
		work();
	const FreeMemory memory(Kmemleak().available(), noise);
	const auto mms = count_mms();
	for (unsigned i = 0; i < times; i++)
		work();
	/* An address space is freed some time after its process is gone. */
	wait_until("the address spaces are gone", [&] { return count_mms() <= mms + mm_noise; });
	CHECK(memory.missing().value_or(0) == 0);
}

/* Missing memory below the program's own: a fork copies it first. */
void register_lowest_memory(const Context &context)
{
	const auto length = 2 * page_size();
	void *start =
		::mmap(reinterpret_cast<void *>(1 << 20), length, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (start == MAP_FAILED)
		skip("there is no room below the program");
	take(context.register_range({reinterpret_cast<Address>(start), length}, Modes::Missing));
}

/* How many bytes the kernel promises to all programs, if it is told not to promise too much. */
std::size_t commit_limit()
{
	std::ifstream file("/proc/meminfo");

	for (std::string line; std::getline(file, line);)
		if (line.starts_with("CommitLimit:"))
			return std::stoul(line.substr(line.find(' '))) << 10;
	give_up("/proc/meminfo has no limit");
}

/* Forks that fail, because all memory is promised already. */
class FailingForks {
public:
	FailingForks()
		: promised_(commit_limit() / page_size()),
		  mode_(::open("/proc/sys/vm/overcommit_memory", O_RDWR | O_CLOEXEC))
	{
		if (!mode_)
			skip("this needs the right to change what memory is promised");
		checked(::pread(mode_.get(), &before_, 1, 0));
	}

	/* The error of a fork. */
	int fork() const
	{
		set('2');
		const pid_t child = ::_Fork(); /* another thread may read of it */
		const int error = child < 0 ? errno : 0;
		if (child == 0)
			::_exit(0);
		set(before_);
		if (child > 0)
			checked(::waitpid(child, nullptr, 0));
		return error;
	}

private:
	void set(char mode) const { checked(::pwrite(mode_.get(), &mode, 1, 0)); }

	Memory promised_;
	Fd mode_;
	char before_ = 0;
};

/* Ends the test if @progress is anything else than @error before the first page. */
void expect(const Progress &progress, int error)
{
	if (progress.error.value() != error || progress.done)
		give_up("ended with " + progress.error.message() + " after " +
			std::to_string(progress.done) + " bytes");
}

} // namespace

TEST_CASE("filling a page that is there leaks nothing", "[leak]")
{
	const World world(4);
	const auto source = patterned(4);

	world.fill(0);
	check_for_leaks(8000, [&] {
		expect(world.context.copy(world.memory.address(0), source.bytes(0, 4)), EEXIST);
		expect(world.context.zeropage(world.memory.range(0, 1)), EEXIST);
	});
}

TEST_CASE("a source that can't be read leaks nothing", "[leak]")
{
	const World world(4);
	auto source = patterned(4);

	source.unmap(2, 2);
	check_for_leaks(3000, [&] {
		const auto to = world.memory.address(0);
		expect(world.context.copy(to, source.bytes(2, 2)), EFAULT);
		const auto progress = world.context.copy(to, source.bytes(0, 4));
		if (progress.done != 2 * page_size() || progress.error.value() != EAGAIN)
			give_up("two pages should have been copied");
		checked(::madvise(world.memory.page(0), 4 * page_size(), MADV_DONTNEED));
	});
}

TEST_CASE("a source that has to be faulted in leaks nothing", "[leak]")
{
	const World world(4);
	const Memory source(4);

	check_for_leaks(2000, [&] {
		const auto range = source.range();
		if (!world.context.copy(world.memory.address(0), source.bytes(0, 4)))
			give_up("the pages could not be copied");
		checked(::madvise(world.memory.page(0), range.length, MADV_DONTNEED));
		checked(::madvise(source.page(0), range.length, MADV_DONTNEED));
	});
}

TEST_CASE("mapping up to a page that the file does not have leaks nothing", "[leak]")
{
	constexpr std::size_t pages = 64, hole = 20;
	const Fd file = shmem_file(pages);
	const World world(Memory(pages, file, MAP_SHARED), Modes::Minor);
	const Memory other(pages, file, MAP_SHARED);

	check_for_leaks(100, [&] {
		for (std::size_t i = 0; i < pages; i++)
			if (i != hole)
				other.word(i) = i;
		if (world.context.resume(world.memory.range()).done != hole * page_size())
			give_up("the pages before the hole should have been mapped");
		checked(::ftruncate(file.get(), 0));
		checked(::ftruncate(file.get(), static_cast<off_t>(pages * page_size())));
	});
}

TEST_CASE("a destination that is not registered leaks nothing", "[leak]")
{
	const World world(1);
	const Memory other(2);
	const auto source = patterned(2);

	check_for_leaks(8000, [&] {
		expect(world.context.copy(other.address(0), source.bytes(0, 2)), ENOENT);
		expect(world.context.zeropage(other.range()), ENOENT);
	});
}

TEST_CASE("contexts and handshakes leak nothing", "[leak]")
{
	const Memory memory(3);

	check_for_leaks(2000, [&] {
		const auto context = take(Context::create(options_for()));
		if (context.handshake(Features{1ull << 63}))
			give_up("an unknown feature was granted");
		take(context.handshake());
		if (context.handshake())
			give_up("a second handshake went through");
		take(context.register_range(memory.range(1, 1), Modes::Missing));
	});
}

TEST_CASE("forks that fail leak nothing", "[leak][fork_event]")
{
	const auto context = open_context(Features::EventFork);
	const FailingForks forks;
	std::atomic<bool> stop = false;

	register_lowest_memory(context);
	/* Before 6.12 a fork that fails is an event, too. */
	auto reader = in_thread([&] {
		while (!stop)
			if (take(context.poll(std::chrono::milliseconds(5))))
				take(context.read());
	});
	check_for_leaks(60, [&] {
		if (forks.fork() != ENOMEM)
			give_up("the fork should have failed");
	});
	stop = true;
	reader.get();
}

TEST_CASE("processes that end leak nothing", "[leak]")
{
	const Memory inherited(4);
	const auto outer = open_context();

	take(outer.register_range(inherited.range(), Modes::Missing));
	check_for_leaks(100, [&] {
		Process process([] {
			const World world(4);
			world.fill(1);
			auto reader = in_thread([&] { return world.memory.word(0); });
			next_fault(world.context);
			::_exit(7);
			return 0;
		});
		if (process.wait() != 7)
			give_up("the process did not come to its end");
	});
}
